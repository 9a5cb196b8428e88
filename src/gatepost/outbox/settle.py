"""Write the attempt and move the state, if the message is still ours.

Every write here names owner and claim number: a worker that comes too late changes nothing and is told so.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import IN_FLIGHT, State
from gatepost.outbox.tables import attempts, messages


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Where one try leads.

    Args:
        state: the state to move to.
        reason: why, for a message that stops here or waits.
        due_at: when it may be tried again, milliseconds since the epoch.
        counted: whether the try counts among the message's attempts.
        perhaps_taken: whether the server may have taken the message.
    """

    state: State
    reason: str | None = None
    due_at: int | None = None
    counted: bool = True
    perhaps_taken: bool = False


@dataclass(frozen=True, kw_only=True)
class Try:
    """What is remembered of one try, beside its verdict; the values of `attempts`."""

    outcome: str
    phase: str | None = None
    reply_code: int | None = None
    enhanced_status: str | None = None
    reply_text: str | None = None
    server: str | None = None
    started_at: int
    duration_ms: int | None = None


_OURS = (
    messages.c.id == bindparam("of_id"),
    messages.c.owner == bindparam("of_owner"),
    messages.c.claim_number == bindparam("of_claim_number"),
)
_MARK = update(messages).where(*_OURS, messages.c.state == str(State.SENDING)).values(state=str(State.COMMITTING))
_MOVE = (
    update(messages)
    .where(*_OURS, messages.c.state.in_([str(state) for state in sorted(IN_FLIGHT)]))
    .values(
        state=bindparam("to_state"),
        reason=bindparam("for_reason"),
        due_at=bindparam("next_due_at"),
        owner=None,
        attempts=messages.c.attempts + bindparam("counts"),
        unknowns=messages.c.unknowns + bindparam("perhaps_taken"),
        settled_at=bindparam("at_ms"),
    )
)
_REMEMBER = insert(attempts)
_SETTLED_BEFORE = select(attempts.c.message).where(
    attempts.c.message == bindparam("of_id"),
    attempts.c.claim_number == bindparam("of_claim_number"),
    attempts.c.outcome == bindparam("of_outcome"),
)


def mark_committing(tx: Connection, claimed: Claimed) -> bool:
    """Say, before the content can be taken, that it may be. False: the message is no longer ours, break off."""
    return tx.execute(_MARK, _whose(claimed)).rowcount == 1


def settle(tx: Connection, claimed: Claimed, verdict: Verdict, tried: Try | None, now_ms: int) -> bool:
    """Move the message where the verdict says and remember the try. False: no longer ours, nothing was written.

    `tried` is None when nothing was tried: expired, superseded.
    """
    finished = verdict.due_at is None
    moved = tx.execute(
        _MOVE,
        _whose(claimed)
        | {
            "to_state": str(verdict.state),
            "for_reason": verdict.reason,
            "next_due_at": verdict.due_at,
            "counts": int(verdict.counted),
            "perhaps_taken": int(verdict.perhaps_taken),
            "at_ms": now_ms if finished else None,
        },
    )
    if moved.rowcount != 1:
        return False
    if tried is not None:
        tx.execute(
            _REMEMBER,
            {
                "message": claimed.id,
                "claim_number": claimed.claim_number,
                "number": claimed.attempts + 1 if verdict.counted else None,
                "phase": tried.phase,
                "outcome": tried.outcome,
                "reply_code": tried.reply_code,
                "enhanced_status": tried.enhanced_status,
                "reply_text": tried.reply_text,
                "server": tried.server,
                "started_at": tried.started_at,
                "duration_ms": tried.duration_ms,
            },
        )
    return True


def is_settled(tx: Connection, claimed: Claimed, tried: Try) -> bool:
    """Whether this very try was settled before, by a write of ours whose answer was lost.

    By its outcome it is told from what was written in our place, by somebody who held us for dead.
    """
    this = {"of_id": claimed.id, "of_claim_number": claimed.claim_number, "of_outcome": tried.outcome}
    return tx.execute(_SETTLED_BEFORE, this).first() is not None


def _whose(claimed: Claimed) -> dict[str, Any]:
    return {"of_id": claimed.id, "of_owner": claimed.owner, "of_claim_number": claimed.claim_number}
