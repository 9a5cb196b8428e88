"""The states of a message and the moves between them: the full set, and no others.

docs/reference/states.md says what each state promises. The same set stands in the database: a CHECK on the state
and a trigger on every move, both made from this table.
"""

from enum import StrEnum


class State(StrEnum):
    """How far a message got."""

    QUEUED = "queued"
    SENDING = "sending"
    COMMITTING = "committing"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    HELD = "held"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


_NOT_TRIED = frozenset({State.CANCELLED, State.EXPIRED, State.SUPPRESSED, State.HELD})

MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: _NOT_TRIED | {State.SENDING},
    State.SENDING: _NOT_TRIED | {State.QUEUED, State.COMMITTING, State.DEFERRED, State.FAILED},
    State.COMMITTING: frozenset({State.ACCEPTED, State.FAILED, State.QUEUED, State.DEFERRED, State.UNKNOWN}),
    State.UNKNOWN: frozenset(
        {
            State.DEFERRED,
            State.ACCEPTED,
            State.DELIVERED,
            State.BOUNCED,
            State.QUEUED,
            State.CANCELLED,
            State.EXPIRED,
        }
    ),
    State.DEFERRED: _NOT_TRIED | {State.SENDING},
    State.HELD: frozenset({State.QUEUED, State.CANCELLED, State.EXPIRED}),
    State.ACCEPTED: frozenset({State.DELIVERED, State.BOUNCED}),
    State.DELIVERED: frozenset({State.BOUNCED}),
    State.BOUNCED: frozenset(),
    State.FAILED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.SUPPRESSED: frozenset(),
}

# A message is born queued, or at once decided with a reason.
BIRTHS = frozenset({State.QUEUED, State.CANCELLED, State.SUPPRESSED})

# Owned by a worker right now.
IN_FLIGHT = frozenset({State.SENDING, State.COMMITTING})

# Will be tried when due.
WAITING = frozenset({State.QUEUED, State.DEFERRED})

# Not accepted yet, and it may still become so without anybody's help.
UNACCEPTED = WAITING | IN_FLIGHT | {State.HELD}


def legal(before: State, after: State) -> bool:
    """Say whether a message may move from `before` to `after`."""
    return after in MOVES[before]
