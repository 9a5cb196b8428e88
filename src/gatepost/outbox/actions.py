"""What an operator may do to a message, by what became of it; and for everything else the sentence that says why not.

Pure: reads no clock and no database.
"""

from collections.abc import Iterable
from enum import StrEnum

from gatepost.errors import N_, ActionRefused, MessageInFlight
from gatepost.outbox.lifecycle import IN_FLIGHT, WAITING, State

# The reason in the row of a message that an operator stopped.
BY_OPERATOR = "operator"


class Action(StrEnum):
    """What an operator does to one message."""

    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"
    RESEND = "resend"


# From which states, and to which one; a message that is resent stays where it is.
STATES: dict[Action, frozenset[State]] = {
    Action.HOLD: WAITING,
    Action.RELEASE: frozenset({State.HELD}),
    Action.CANCEL: WAITING | {State.HELD, State.UNKNOWN},
    Action.RESEND: frozenset(
        {
            State.ACCEPTED,
            State.DELIVERED,
            State.BOUNCED,
            State.FAILED,
            State.EXPIRED,
            State.UNKNOWN,
            State.CANCELLED,
            State.SUPPRESSED,  # whether its recipient may be written to by now is asked when it goes out
        }
    ),
}
LEADS_TO: dict[Action, State] = {
    Action.HOLD: State.HELD,
    Action.RELEASE: State.QUEUED,
    Action.CANCEL: State.CANCELLED,
}

_TAKEN = frozenset({State.ACCEPTED, State.DELIVERED, State.BOUNCED})
_OVER = _TAKEN | {State.FAILED, State.EXPIRED, State.CANCELLED, State.SUPPRESSED}

IN_FLIGHT_TEXT = N_(
    "It is being handed over to a server at this moment. Look again in a few seconds, and decide by what became of it."
)
NOBODY_TEXT = N_("Nobody has an account with this address, so there is nobody to write to.")
FORGOTTEN_TEXT = N_("It is so old that whom it was for is kept no more.")
NOT_WANTED_TEXT = N_("It was cancelled for the reason beside it, and that would hold for a copy as well.")
COPY_DUE_TEXT = N_("Another copy goes out by itself when it is due. To send a message in its place, cancel it first.")
SENT_AGAIN_TEXT = N_("It was sent again already, and that message is still on its way: see `resent_as`.")
TIME_IS_UP_TEXT = N_("Its time is up, so no server would be asked. Cancel it and resend it: a copy gets new time.")


def _rows(states: Iterable[State], text: str) -> dict[State, str]:
    return dict.fromkeys(states, text)


_WHY_NOT: dict[Action, dict[State, str]] = {
    Action.HOLD: {
        **_rows(_OVER, N_("It is over: nothing of it waits that could be held back.")),
        State.HELD: N_("It is held already."),
        State.UNKNOWN: N_("A server may have it already, so it cannot be held back. Cancel it to stop further copies."),
    },
    Action.RELEASE: {
        **_rows(WAITING, N_("It is not held: it goes out by itself when it is due.")),
        **_rows(_OVER | {State.UNKNOWN}, N_("It is not held. To send it once more, resend it.")),
    },
    Action.CANCEL: {
        **_rows(_TAKEN, N_("A server has taken it: it cannot be called back.")),
        **_rows((State.FAILED, State.EXPIRED, State.SUPPRESSED), N_("It is over and will not be tried again.")),
        State.CANCELLED: N_("It is cancelled already."),
    },
    Action.RESEND: {
        **_rows(WAITING, N_("It still waits and goes out by itself. To have it tried now, hold it and release it.")),
        State.HELD: N_("It is held and was not sent yet. Release it instead."),
    },
}


def check(action: Action, state: State) -> None:
    """Say nothing when messages in `state` may be treated so.

    Raises:
        MessageInFlight: a worker has it.
        ActionRefused: they may not; with the sentence why.
    """
    if state in IN_FLIGHT:
        raise MessageInFlight(IN_FLIGHT_TEXT)
    if state not in STATES[action]:
        raise ActionRefused(_WHY_NOT[action][state])
