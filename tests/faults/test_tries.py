"""The look at tries is itself looked at: it counts what a kill explains, and finds what none does."""

from dataclasses import replace

from tests.faults.tries import Findings, Messages, look_at_tries
from tests.support.witness import Move

ROW, MESSAGE_ID = b"1", "<1@example>"
ROWS = Messages({ROW: MESSAGE_ID}, never_twice=frozenset(), died=frozenset({(ROW, 1)}), held={})
BORN = Move(0.0, ROW, "a@example.com", None, "queued", None, None, 0, 0, None, 0)
# Claimed by `a`, marked, recovered from it; claimed by `b`, marked, accepted.
DIED_AFTER_THE_MARK = [
    BORN,
    replace(BORN, at=1.0, before="queued", after="sending", owner_after="a", claim=1),
    replace(BORN, at=2.0, before="sending", after="committing", owner_before="a", owner_after="a", claim=1),
    replace(BORN, at=4.0, before="committing", after="unknown", owner_before="a", claim=1),
    replace(BORN, at=5.0, before="unknown", after="deferred", claim=1),
    replace(BORN, at=6.0, before="deferred", after="sending", owner_after="b", claim=2),
    replace(BORN, at=7.0, before="sending", after="committing", owner_before="b", owner_after="b", claim=2),
    replace(BORN, at=9.0, before="committing", after="accepted", owner_before="b", claim=2),
]
DIED_BEFORE_THE_MARK = [
    *DIED_AFTER_THE_MARK[:2],
    replace(BORN, at=4.0, before="sending", after="queued", owner_before="a", claim=1),
    *(
        replace(move, before=move.before and move.before.replace("deferred", "queued"))
        for move in DIED_AFTER_THE_MARK[5:]
    ),
]


def _found(moves: list[Move], *instants: float, rows: Messages = ROWS) -> Findings:
    return look_at_tries(moves, rows, {MESSAGE_ID: instants})


def test_a_copy_of_a_message_that_was_committing_is_the_kills() -> None:
    """Received in the try that died and in the next one: one copy, explained by one kill."""
    found = _found(DIED_AFTER_THE_MARK, 3.0, 8.0)

    assert [] == found.wrong
    assert (1, 1, 0) == (found.kills["a"].committing, found.kills["a"].copies, found.kills["a"].sending)


def test_a_message_that_was_not_taken_makes_no_copy() -> None:
    """Marked when its process died, and received in the next try alone."""
    found = _found(DIED_AFTER_THE_MARK, 8.0)

    assert [] == found.wrong
    assert (1, 0) == (found.kills["a"].committing, found.kills["a"].copies)


def test_what_was_received_before_the_mark_is_wrong() -> None:
    """It was found `sending`, and the mail server had it nevertheless."""
    found = _found(DIED_BEFORE_THE_MARK, 3.0, 8.0)

    assert 1 == found.received_before_the_mark
    assert "never marked" in found.wrong[0]
    assert "1 copies, and only 0 messages were `committing`" in found.wrong[1]


def test_what_was_received_outside_every_try_is_wrong() -> None:
    """Neither claimed by anybody nor on its way: between two tries."""
    assert ["outside every try" in one for one in _found(DIED_AFTER_THE_MARK, 5.5, 8.0).wrong] == [True]


def test_two_copies_in_one_try_are_wrong() -> None:
    """One try hands a message over once, whatever becomes of its process."""
    assert "more than once" in _found(DIED_AFTER_THE_MARK, 3.0, 3.5, 8.0).wrong[0]


def test_accepted_and_never_received_is_wrong() -> None:
    """The database says that a server took it, and the server does not."""
    assert "accepted, and received 0 times" in _found(DIED_AFTER_THE_MARK, 3.0).wrong[0]


def test_a_welcome_twice_is_wrong() -> None:
    """The policy `never_twice` allows no copy, whatever explains it."""
    found = _found(DIED_AFTER_THE_MARK, 3.0, 8.0, rows=replace(ROWS, never_twice=frozenset({ROW})))

    assert 1 == found.never_twice_received_again
    assert 1 == len(found.wrong)


def test_a_message_is_held_only_after_three_deaths_alone() -> None:
    """Two deaths in company and three alone: held. One of the three in company: not."""
    other, deaths = b"2", [f"{number}" for number in range(5)]
    moves = [move for owner in deaths for move in _death(ROW, owner)]
    died = frozenset((ROW, int(owner) + 1) for owner in deaths)
    rows = replace(ROWS, message_ids={ROW: MESSAGE_ID, other: "<2@example>"}, died=died, held={ROW: 5})
    assert [] == _found(moves, rows=rows).wrong

    in_company = replace(rows, died=died | {(other, 4)})
    assert "alone in flight: 2" in _found([*moves, *_death(other, "3")], rows=in_company).wrong[0]


def _death(row: bytes, owner: str) -> list[Move]:
    at, claim = float(owner) * 10, int(owner) + 1
    claimed = replace(BORN, at=at, message=row, before="queued", after="sending", owner_after=owner, claim=claim)
    recovered = replace(BORN, at=at + 5, message=row, before="sending", after="queued", owner_before=owner, claim=claim)
    return [claimed, recovered]
