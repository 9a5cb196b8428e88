"""The states and their moves, as docs/reference/states.md tells them."""

from itertools import product

import pytest

from gatepost.mail.draft import IfUnknown
from gatepost.outbox.lifecycle import MOVES, State, legal
from gatepost.outbox.unknown import COPY_AFTER_S, perhaps_taken

# Written out a second time on purpose: a change of the table must be a decision, not a slip.
EXPECTED = {
    "queued": "sending cancelled expired suppressed held",
    "sending": "queued committing deferred failed suppressed expired held cancelled",
    "committing": "accepted failed queued deferred unknown",
    "unknown": "deferred accepted delivered bounced queued cancelled expired",
    "deferred": "sending cancelled expired suppressed held",
    "held": "queued cancelled expired",
    "accepted": "delivered bounced",
    "delivered": "bounced",
    "bounced": "",
    "failed": "",
    "expired": "",
    "cancelled": "",
    "suppressed": "",
}


def test_every_state_has_its_moves_and_no_others() -> None:
    """The table of moves is the one that was decided."""
    assert {state: set(moves.split()) for state, moves in EXPECTED.items()} == {
        str(state): {str(to) for to in MOVES[state]} for state in State
    }


@pytest.mark.parametrize(("before", "after"), [(State.ACCEPTED, State.QUEUED), (State.SENDING, State.ACCEPTED)])
def test_a_move_outside_the_table_is_not_legal(before: State, after: State) -> None:
    """Accepted mail is never queued again, and nothing is accepted without the mark."""
    assert not legal(before, after)


def test_a_message_that_may_be_copied_is_copied_at_most_twice() -> None:
    """30 s and 10 min later, then it stays unknown and is shown."""
    due = [perhaps_taken(IfUnknown.AGAIN, unknowns, 1_000, "r").due_at for unknowns in range(4)]
    assert due == [1_000 + 30_000, 1_000 + 600_000, None, None]
    assert len(COPY_AFTER_S) == 2


def test_a_message_that_must_not_come_twice_is_never_copied() -> None:
    """The welcome stays unknown at once."""
    assert perhaps_taken(IfUnknown.NEVER_TWICE, 0, 1_000, "r").due_at is None


def test_no_state_leads_to_itself() -> None:
    """A move is a change."""
    assert not any(legal(state, state) for state, _ in product(State, [None]))
