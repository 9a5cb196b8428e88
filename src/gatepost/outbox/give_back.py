"""Messages whose worker is gone: given back by itself at a stop, or recovered after its death.

One of them may be what kills the process. It is found by counting: see `_guilty`.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, select, update

from gatepost.mail.draft import IfUnknown
from gatepost.outbox.claim import CLAIM_COLUMNS, as_claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, settle
from gatepost.outbox.tables import HELD_AT, IS_IN_FLIGHT, SUSPECTED_AT, messages, workers
from gatepost.outbox.unknown import perhaps_taken

RECOVERED_AT_ONCE = 500

# Rows that others hold are left to them: the same dead worker's next recoverer, or the worker itself, late but alive.
_IN_FLIGHT = select(*CLAIM_COLUMNS, messages.c.state, messages.c.started_at).with_for_update(skip_locked=True)
_NOBODYS = (
    _IN_FLIGHT.where(IS_IN_FLIGHT, ~exists().where(workers.c.owner == messages.c.owner))
    .order_by(messages.c.owner)  # by its index also while PostgreSQL knows nothing of a young table yet
    .limit(RECOVERED_AT_ONCE)
)
_STILL_THERE = select(workers.c.owner).where(workers.c.owner.in_(bindparam("of_owners", expanding=True)))
_OF_OWNER = (IS_IN_FLIGHT, messages.c.owner == bindparam("of_owner"))
_OWN = select(messages.c.id).where(*_OF_OWNER)
_OWN_AMONG = _IN_FLIGHT.where(*_OF_OWNER, messages.c.id.in_(bindparam("of_ids", expanding=True)))
_IN_FLIGHT_EACH = (
    select(messages.c.owner, func.count())
    .where(IS_IN_FLIGHT, messages.c.owner.in_(bindparam("of_owners", expanding=True)))
    .group_by(messages.c.owner)
)
_DIED = (
    update(messages).where(messages.c.id.in_(bindparam("of_ids", expanding=True))).values(deaths=messages.c.deaths + 1)
)


@dataclass(frozen=True)
class Recovered:
    """What nobody worked on any more: how many are due again, may have been taken, are held as what kills us."""

    due_again: int
    unknown: int
    held: int = 0

    @property
    def count(self) -> int:
        return self.due_again + self.unknown + self.held


def given_back(now_ms: int, reason: str) -> Verdict:
    """The verdict on a try that ended before any content was written, for a cause that is not the message's."""
    return Verdict(state=State.QUEUED, reason=reason, due_at=now_ms, counted=False)


def recover(tx: Connection, now_ms: int) -> Recovered:
    """Settle up to RECOVERED_AT_ONCE messages in flight whose owner is not in `workers` (any more).

    `sending` was certainly not handed over and is due at once, unless it is found to be what kills the process;
    `committing` may have been handed over, its policy decides.
    """
    rows = tx.execute(_NOBODYS).all()
    if not rows:
        return Recovered(0, 0)
    # Looked at again, now that nobody can change these rows: one may have been claimed by a worker that enlisted
    # after the first look.
    owners = sorted({row.owner for row in rows})
    alive = set(tx.execute(_STILL_THERE, {"of_owners": owners}).scalars())
    lost = [row for row in rows if row.owner not in alive]
    return _settle_all(tx, lost, now_ms, _guilty(tx, lost))


def recover_strays(tx: Connection, owner: str, at_work: Collection[uuid.UUID], now_ms: int) -> Recovered:
    """Settle what `owner` has in flight and does not work on: a claim whose answer was lost, an attempt a bug ended.

    Args:
        tx: the transaction.
        owner: the worker itself; it claims nothing meanwhile.
        at_work: the messages of its attempts under way.
        now_ms: wall time in milliseconds.
    """
    astray = [one for one in tx.execute(_OWN, {"of_owner": owner}).scalars() if one not in at_work]
    if not astray:
        return Recovered(0, 0)
    rows = tx.execute(_OWN_AMONG, {"of_owner": owner, "of_ids": astray[:RECOVERED_AT_ONCE]}).all()
    return _settle_all(tx, rows, now_ms)


def _guilty(tx: Connection, lost: Sequence[Row[*tuple[Any, ...]]]) -> set[uuid.UUID]:
    """Count this death against what was in flight, and return which messages are now held for it.

    Up to SUSPECTED_AT against everything in `sending`: one of them did it, or none, as when somebody killed the
    process. From then on a message is tried alone, and only deaths alone in flight count: those prove something.
    """
    owners = sorted({row.owner for row in lost if row.state == State.SENDING})
    if not owners:
        return set()
    in_flight = {owner: count for owner, count in tx.execute(_IN_FLIGHT_EACH, {"of_owners": owners})}
    dying = [
        row
        for row in lost
        if row.state == State.SENDING and (row.deaths < SUSPECTED_AT or in_flight.get(row.owner) == 1)
    ]
    if dying:
        tx.execute(_DIED, {"of_ids": [row.id for row in dying]})
    return {row.id for row in dying if row.deaths + 1 >= HELD_AT}


def _settle_all(
    tx: Connection, rows: Iterable[Row[*tuple[Any, ...]]], now_ms: int, guilty: Collection[uuid.UUID] = ()
) -> Recovered:
    due_again = unknown = held = 0
    for row in rows:
        tried = Try(outcome="worker_died", started_at=row.started_at)
        if row.id in guilty:
            verdict = Verdict(state=State.HELD, reason="kills_process", counted=False)
            held += 1
        elif row.state == State.SENDING:
            verdict = given_back(now_ms, "worker_died")
            due_again += 1
        else:
            verdict = perhaps_taken(IfUnknown(row.if_unknown), row.unknowns, now_ms, "worker_died")
            unknown += 1
        settle(tx, as_claimed(row), verdict, tried, now_ms)
    return Recovered(due_again, unknown, held)
