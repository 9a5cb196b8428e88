"""Write the attempt and move the state, if the message is still ours.

Every write here names owner and claim number: a worker that comes too late changes nothing and is told so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Update, bindparam, insert, select, update

from gatepost.database.batch import among
from gatepost.database.prepared import Prepared
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import IS_SENDING, IS_SENDING_OR_COMMITTING, attempts, messages

K = TypeVar("K")


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


class Result(NamedTuple):
    """What one try came to."""

    claimed: Claimed
    verdict: Verdict
    tried: Try


class NotAllOurs(Exception):
    """Some of several messages are no longer this worker's: nothing may be kept, and each must be asked for alone."""


def _mark_where(which: ColumnElement[bool]) -> Update:
    return update(messages).where(which, *_OURS, IS_SENDING).values(state=str(State.COMMITTING))


def _move_where(which: ColumnElement[bool]) -> Update:
    return (
        update(messages)
        .where(which, *_OURS, IS_SENDING_OR_COMMITTING)
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


_OURS = (messages.c.owner == bindparam("of_owner"), messages.c.claim_number == bindparam("of_claim_number"))
_ONE = messages.c.id == bindparam("of_id")
_SEVERAL = among(messages.c.id, "of_ids")
_MARK, _MARK_SEVERAL = _mark_where(_ONE), Prepared(_mark_where(_SEVERAL), "of_ids")
_MOVE, _MOVE_SEVERAL = _move_where(_ONE), Prepared(_move_where(_SEVERAL), "of_ids")
_TAKE = Prepared(
    select(messages.c.id).where(_SEVERAL).order_by(messages.c.id).with_for_update(key_share=True), "of_ids"
)
_REMEMBER = Prepared(insert(attempts))
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
    if tx.execute(_MOVE, _whose(claimed) | _where_to(verdict, now_ms)).rowcount != 1:
        return False
    if tried is not None:
        _REMEMBER.run(tx, remembered(Result(claimed, verdict, tried)))
    return True


def is_settled(tx: Connection, claimed: Claimed, tried: Try) -> bool:
    """Whether this very try was settled before, by a write of ours whose answer was lost.

    By its outcome it is told from what was written in our place, by somebody who held us for dead.
    """
    this = {"of_id": claimed.id, "of_claim_number": claimed.claim_number, "of_outcome": tried.outcome}
    return tx.execute(_SETTLED_BEFORE, this).first() is not None


def take(tx: Connection, claimed: Iterable[Claimed]) -> None:
    """Take several messages by their id, as everybody does, before anything is written to them.

    Where transactions run at the same time, two that take the same rows must take them in the same order.
    """
    if tx.dialect.name != "sqlite":
        _TAKE.run(tx, {"of_ids": [one.id.bytes for one in claimed]})


def mark_all(tx: Connection, claimed: Sequence[Claimed]) -> None:
    """Do for several messages what `mark_committing` does for one.

    Raises:
        NotAllOurs: it would have said False for one of them.
    """
    for (owner, claim_number), several in _grouped(((one.owner, one.claim_number), one) for one in claimed):
        _must_be_all(_MARK_SEVERAL.run(tx, _whose_several(owner, claim_number, several)).rowcount, several)


def settle_all(tx: Connection, results: Sequence[Result], now_ms: int) -> None:
    """Do for several tries what `settle` does for one.

    Raises:
        NotAllOurs: it would have said False for one of them.
    """
    keyed = (((one.claimed.owner, one.claimed.claim_number, one.verdict), one.claimed) for one in results)
    for (owner, claim_number, verdict), several in _grouped(keyed):
        which = _whose_several(owner, claim_number, several) | _where_to(verdict, now_ms)
        _must_be_all(_MOVE_SEVERAL.run(tx, which).rowcount, several)
    _REMEMBER.run_each(tx, [remembered(one) for one in results])


def _grouped(keyed: Iterable[tuple[K, Claimed]]) -> Iterable[tuple[K, list[Claimed]]]:
    groups: dict[K, list[Claimed]] = {}
    for key, one in keyed:
        groups.setdefault(key, []).append(one)
    return groups.items()


def _must_be_all(met: int, several: Sequence[Claimed]) -> None:
    if met != len(several):
        raise NotAllOurs


def _whose(claimed: Claimed) -> dict[str, Any]:
    return {"of_id": claimed.id, "of_owner": claimed.owner, "of_claim_number": claimed.claim_number}


def _whose_several(owner: str, claim_number: int, several: Sequence[Claimed]) -> dict[str, Any]:
    return {"of_ids": [one.id.bytes for one in several], "of_owner": owner, "of_claim_number": claim_number}


def _where_to(verdict: Verdict, now_ms: int) -> dict[str, Any]:
    return {
        "to_state": str(verdict.state),
        "for_reason": verdict.reason,
        "next_due_at": verdict.due_at,
        "counts": int(verdict.counted),
        "perhaps_taken": int(verdict.perhaps_taken),
        "at_ms": now_ms if verdict.due_at is None else None,
    }


def remembered(result: Result) -> Mapping[str, Any]:
    """Return the row of `attempts` that tells of a try."""
    claimed, verdict, tried = result
    return {
        "message": claimed.id.bytes,
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
    }
