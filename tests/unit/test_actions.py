"""What an operator may do, against the legal moves; and a sentence for everything else."""

from itertools import product

import pytest

from gatepost.errors import ActionRefused, MessageInFlight
from gatepost.outbox.actions import LEADS_TO, STATES, Action, check
from gatepost.outbox.lifecycle import IN_FLIGHT, MOVES, State

# Written out a second time on purpose: a change of the table must be a decision, not a slip.
EXPECTED = {
    "hold": "queued deferred",
    "release": "held",
    "cancel": "queued deferred held unknown",
    "resend": "accepted delivered bounced failed expired unknown cancelled suppressed",
}


def test_every_action_has_its_states_and_no_others() -> None:
    """The table is the one that was decided."""
    assert {action: set(states.split()) for action, states in EXPECTED.items()} == {
        str(action): {str(state) for state in states} for action, states in STATES.items()
    }


@pytest.mark.parametrize("action", LEADS_TO)
def test_an_action_is_a_legal_move(action: Action) -> None:
    """From every state it is allowed in, its move is one the database takes; and no such move was forgotten."""
    from_elsewhere = {state for state in State if LEADS_TO[action] in MOVES[state]} - IN_FLIGHT
    if action is Action.RELEASE:
        from_elsewhere.remove(State.UNKNOWN)  # what may have been taken is resent as a message of its own
    assert from_elsewhere == STATES[action]


@pytest.mark.parametrize(("action", "state"), list(product(Action, State)))
def test_what_is_not_allowed_is_refused_with_a_sentence(action: Action, state: State) -> None:
    """Every pair is either allowed or says why not; what a worker has says so in a class of its own."""
    if state in STATES[action]:
        check(action, state)
        return
    with pytest.raises(ActionRefused, match=r"^[A-Z].+\.$") as refused:
        check(action, state)
    assert (state in IN_FLIGHT) == isinstance(refused.value, MessageInFlight)
