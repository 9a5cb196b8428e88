"""docs/reference/states.md against the code."""

import ast
import re

from gatepost.accounts.caps import Wish
from gatepost.mail.draft import IfUnknown
from gatepost.outbox.actions import BY_OPERATOR
from gatepost.outbox.lifecycle import BIRTHS, MOVES, State
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import EXPIRES_IN_S
from gatepost.transport.reply import Outcome, Phase
from tests.docs.pages import REFERENCE, code_words, rows, section
from tests.docs.source import argument, calls, nodes, returned, texts

PAGE = (REFERENCE / "states.md").read_text()


def skips() -> set[str]:
    """The reasons of messages that are born cancelled."""
    found = {wish.reason for wish in Wish if wish.reason} | returned("_why_not")
    for node in nodes():
        if isinstance(node, ast.Assign) and any(getattr(target, "id", None) == "skip" for target in node.targets):
            found |= texts(node.value)
    return found


def reasons() -> set[str]:
    """Every reason the code can write into a message's row."""
    # `judge` gives a deferral its outcome.
    found = skips() | {str(Outcome.TRANSIENT), str(Outcome.UNREACHABLE), BY_OPERATOR} | set(map(str, Reason))
    places = {"Verdict": 1, "perhaps_taken": 3, "given_back": 1, "Skip": 0, "cancel_waiting": 2, "shut": 2}
    for name, place in places.items():
        for call in calls(name):
            found |= argument(call, place, "reason")
    return found


def test_every_state_is_documented():
    """The table of states has each state once, and no other."""
    assert sorted(code_words(cells[0])[0] for cells in rows(section(PAGE, "States"))) == sorted(map(str, State))


def test_every_move_is_documented():
    """The table of moves is the set of legal moves, and the births are named."""
    documented = {code_words(cells[0])[0]: set(code_words(cells[1])) for cells in rows(section(PAGE, "Moves"))}
    assert documented == {str(before): set(map(str, after)) for before, after in MOVES.items()}
    births = next(line for line in PAGE.splitlines() if line.startswith("A message is born"))
    assert set(code_words(births)) == set(map(str, BIRTHS))


def test_every_reason_is_documented():
    """Each reason that occurs in the code has its row; each row occurs in the code and stands beside real states."""
    documented = {code_words(cells[0])[0]: code_words(cells[1]) for cells in rows(section(PAGE, "Reasons"))}
    assert set(documented) == reasons()
    assert {state for states in documented.values() for state in states} <= set(map(str, State))


def test_every_outcome_and_phase_is_documented():
    """The outcomes of attempts (those of replies, and those of tries that ended before one) and the phases."""
    tried = {text for name in ("Try", "_as_tried") for call in calls(name) for text in argument(call, 0, "outcome")}
    table = rows(section(PAGE, "Attempts"))
    outcomes = {code_words(cells[0])[0] for cells in table if len(cells) == 3}
    phases = {code_words(cells[0])[0] for cells in table if len(cells) == 2}
    assert outcomes == set(map(str, Outcome)) | tried
    assert phases == set(map(str, Phase))


def test_the_policies_are_named():
    """Both policies for `unknown` are explained."""
    assert set(map(str, IfUnknown)) <= set(code_words(section(PAGE, "What happens to `unknown`")))


def test_every_suppression_is_documented():
    """Each reason with how long it lasts, and each scope."""
    table = rows(section(PAGE, "Suppressions"))
    ends = {code_words(cells[0])[0]: re.findall(r"\d+(?= days)", cells[3]) for cells in table if len(cells) == 4}
    assert ends == {
        str(reason): [] if lasts_s is None else [str(lasts_s // 86_400)] for reason, lasts_s in EXPIRES_IN_S.items()
    }
    assert {code_words(cells[0])[0] for cells in table if len(cells) == 2} == set(map(str, Scope))
