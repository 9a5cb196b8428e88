"""How the queue stands, in one look: what waits, since when, whether it is held, who works and how fast it moves."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select

from gatepost.outbox.depths import MAX_COUNTED, depths
from gatepost.outbox.lifecycle import State
from gatepost.outbox.queue_hold import QueueHold, hold_of
from gatepost.outbox.tables import IS_SETTLED, messages
from gatepost.outbox.workers import living

LATELY_S = 60.0
_WAS_ACCEPTED = sorted(str(state) for state in (State.ACCEPTED, State.DELIVERED, State.BOUNCED))


@dataclass(frozen=True)
class QueueStats:
    """How the queue stands.

    Args:
        by_state: messages that are not over yet, by state; MAX_COUNTED means that many or more.
        oldest_waiting_at: when the oldest message that waits was written, in milliseconds since the epoch; None: none.
        hold: since when the queue is held, by whom and why; None: it is not.
        workers: how many live.
        accepted_per_second: over the last LATELY_S seconds.
    """

    by_state: Mapping[str, int]
    oldest_waiting_at: int | None
    hold: QueueHold | None
    workers: int
    accepted_per_second: float


def queue_stats(connection: Connection, now_ms: int, *, alone: bool) -> QueueStats:
    """Look; what it costs does not grow with the outbox.

    Args:
        connection: a reading connection.
        now_ms: wall time in milliseconds.
        alone: the database has one process, whose workers do not beat; see `living`.
    """
    standing = depths(connection)
    lately = (
        select(literal(1))
        .where(IS_SETTLED, messages.c.settled_at > now_ms - int(LATELY_S * 1000), messages.c.state.in_(_WAS_ACCEPTED))
        .limit(MAX_COUNTED)
    )
    accepted = connection.scalar(select(func.count()).select_from(lately.subquery())) or 0
    return QueueStats(
        by_state=standing.by_state,
        oldest_waiting_at=standing.oldest_waiting_at,
        hold=hold_of(connection),
        workers=living(connection, alone=alone),
        accepted_per_second=round(accepted / LATELY_S, 2),
    )
