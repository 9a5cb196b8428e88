"""Who works: one row for each worker, kept fresh by heartbeats, and judged by the database's clock alone.

A worker is alive while its row is there. Whoever finds a row stale strikes it out; what its owner had in flight is
recovered then. The owner may be alive all the same (stopped, or without a connection for a while): everything it
still writes is fenced by owner and claim number, and its next beat tells it.
"""

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from gatepost.database.batch import in_batch
from gatepost.database.now import database_now
from gatepost.outbox.tables import workers

HEARTBEAT_S = 10.0
# Two beats may be lost, and the third may be late. With the next beat of another worker a death is noticed after at
# most DEAD_AFTER_S + HEARTBEAT_S.
DEAD_AFTER_S = 30.0
STRUCK_OUT_AT_ONCE = 100

_OWN = workers.c.owner == bindparam("of_owner")
_FRESH_SINCE = database_now() - int(DEAD_AFTER_S * 1000)

# The condition on a claim: of a worker that others may have struck out, nobody would recover what it claims.
IS_ALIVE = exists().where(workers.c.owner == bindparam("by"), workers.c.beat_at > _FRESH_SINCE)

_ENLIST = insert(workers).values(
    owner=bindparam("of_owner"), slots=bindparam("of_slots"), started_at=database_now(), beat_at=database_now()
)
_BEAT = update(workers).where(_OWN).values(beat_at=database_now())
_LEAVE = delete(workers).where(_OWN)
_STALE = select(workers.c.owner).where(workers.c.beat_at <= _FRESH_SINCE).limit(STRUCK_OUT_AT_ONCE)
# Rows that others hold are left to them: a worker that beats at this moment lives, and nobody waits for anybody.
_STRIKE_OUT = delete(workers).where(in_batch(workers.c.owner, _STALE)).returning(workers.c.owner)
_STRIKE_OUT_ALL = delete(workers).returning(workers.c.owner)
_COUNT = select(func.count()).select_from(workers)
_COUNT_FRESH = _COUNT.where(workers.c.beat_at > _FRESH_SINCE)


def enlist(tx: Connection, owner: str, slots: int, *, alone: bool) -> list[str]:
    """Write the own row; return whose rows were struck out for it.

    Args:
        tx: the transaction.
        owner: the worker's name, of this life of its process and of no other.
        slots: how many attempts it makes at a time.
        alone: nobody else can be alive, because this process owns the database: every other row is struck out.
    """
    dead = list(tx.execute(_STRIKE_OUT_ALL).scalars()) if alone else []
    tx.execute(_LEAVE, {"of_owner": owner})  # left from a stop whose last write failed
    tx.execute(_ENLIST, {"of_owner": owner, "of_slots": slots})
    return [one for one in dead if one != owner]


def beat(tx: Connection, owner: str) -> bool:
    """Say that the worker lives. False: it was found dead and struck out; it must enlist again."""
    return tx.execute(_BEAT, {"of_owner": owner}).rowcount == 1


def strike_out_dead(tx: Connection) -> list[str]:
    """Delete the rows without a beat for DEAD_AFTER_S seconds, and return whose they were."""
    return list(tx.execute(_STRIKE_OUT).scalars())


def leave(tx: Connection, owner: str) -> None:
    """Delete the own row at a stop: what the worker still owned is recovered by the next one that looks."""
    tx.execute(_LEAVE, {"of_owner": owner})


def living(connection: Connection, *, alone: bool) -> int:
    """Count the workers that live; where this process is alone nobody beats, and every row is its own."""
    return connection.scalar(_COUNT if alone else _COUNT_FRESH) or 0
