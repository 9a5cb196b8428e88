"""The list of chores is whole, and each says what it did."""

import ast
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import gatepost
from gatepost.accounts.keys import Keys
from gatepost.delivery.chores import Announced
from gatepost.housekeeping import build_chores
from gatepost.settings import Settings
from tests.support.suppressing import HIDING

CHORES = build_chores(Settings(recipients_kept_days=30), Keys(["a secret of the tests, long enough to be one"]), HIDING)


def _inner(chore: Any) -> Any:
    while isinstance(chore, Announced | partial):
        chore = chore.chore if isinstance(chore, Announced) else chore.func
    return chore


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.args]


def test_every_chore_is_in_the_list() -> None:
    """Whatever takes a transaction and the time, and deletes or forgets, a worker does; nothing grows for ever."""
    written = {
        node.name
        for path in Path(gatepost.__file__).parent.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and node.name.split("_")[0] in ("prune", "erase", "anonymise")
        and ["tx", "now_ms"] == _arguments(node)
    }
    assert written == {_inner(chore).__name__ for chore in CHORES}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("erase_deleted", ("AccountsErased", "deleted")),
        ("erase_unverified", ("AccountsErased", "never_verified")),
        ("anonymise", ("MessagesAnonymised", None)),
    ],
)
def test_a_chore_with_an_event_of_its_own_names_it(name: str, told: tuple[str, str | None]) -> None:
    """The log says what went, and why."""
    (chore,) = [one for one in CHORES if isinstance(one, Announced) and _inner(one).__name__ == name]
    event = chore.event(count=3)
    assert (*told, 3) == (type(event).__name__, getattr(event, "reason", None), event.count)  # type: ignore[attr-defined]


def test_every_setting_of_days_reaches_its_chore() -> None:
    """What the operator set is what counts."""
    settings = Settings(deleted_kept_days=1, unverified_kept_days=3, messages_kept_days=31, recipients_kept_days=7)
    chores = build_chores(settings, Keys(["a secret of the tests, long enough to be one"]), HIDING)
    partials = [one.chore if isinstance(one, Announced) else one for one in chores]
    given = {_inner(one).__name__: one.keywords for one in partials if isinstance(one, partial)}
    assert {
        "erase_deleted": 1,
        "erase_unverified": 3,
        "prune_unproved_candidates": 3,
        "anonymise": 7,
        "prune_link_opens": 31,
        "prune_messages": 31,
        "prune_address_changes": 31 * 24 * 3600,
    } == {name: keywords.get("kept_days", keywords.get("kept_s")) for name, keywords in given.items()}


@pytest.mark.parametrize("days", [None, 31], ids=["unset", "as long"])
def test_nothing_is_forgotten_just_before_it_is_deleted(days: int | None) -> None:
    """A message that says whom it was for until its end is written to once less."""
    chores = build_chores(
        Settings(messages_kept_days=31, recipients_kept_days=days),
        Keys(["a secret of the tests, long enough to be one"]),
        HIDING,
    )
    assert "anonymise" not in {_inner(one).__name__ for one in chores}
