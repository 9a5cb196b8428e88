"""Messages and workers as the tests of the outbox write and read them."""

import time
import uuid
from typing import Any

from sqlalchemy import Connection, select, update

from gatepost.database.connection import Database
from gatepost.mail.draft import Draft
from gatepost.outbox.claim import Claimed, allow_copies, claim
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.search import find
from gatepost.outbox.tables import messages, workers

NOW_MS = 1_000_000


def draft(**changes: Any) -> Draft:
    """A welcome to somebody."""
    fields = {"template": "welcome", "locale": "en", "recipient": "a@example.com", "recipient_key": "a@example.com"}
    return Draft(**(fields | changes))


async def enqueue_all(database: Database, *drafts: Draft, now_ms: int = NOW_MS) -> list[uuid.UUID]:
    """Promise messages, due at once."""
    return await database.write(
        lambda tx: [enqueue(tx, one, now_ms=now_ms, domain="gatepost.example").id for one in drafts]
    )


async def claim_as(
    database: Database, owner: str = "worker-1", *, limit: int = 10, now_ms: int = NOW_MS, while_alive: bool = False
) -> list[Claimed]:
    """Claim as one round of a worker does."""

    def work(tx: Connection) -> list[Claimed]:
        allow_copies(tx, now_ms)
        return claim(tx, owner=owner, limit=limit, now_ms=now_ms, while_alive=while_alive)

    return await database.write(work)


async def state_of(database: Database, row_id: uuid.UUID) -> str:
    """How far a message got."""
    found = await database.read(lambda connection: find(connection, row_id))
    assert found is not None
    return found.message.state


async def value_of(database: Database, row_id: uuid.UUID, column: str) -> Any:
    """One column of a message's row."""
    query = select(messages.c[column]).where(messages.c.id == row_id)
    return await database.read(lambda connection: connection.execute(query).scalar_one())


async def enlisted(database: Database) -> dict[str, int]:
    """The workers' rows: whose, and the instant of the last beat."""
    query = select(workers.c.owner, workers.c.beat_at)
    return await database.read(lambda connection: {row.owner: row.beat_at for row in connection.execute(query)})


async def beat_ago(database: Database, owner: str, seconds: float) -> None:
    """Let a worker's last beat be so many seconds older than it was."""
    earlier = update(workers).where(workers.c.owner == owner).values(beat_at=workers.c.beat_at - int(seconds * 1000))
    await database.write(lambda tx: tx.execute(earlier).rowcount)


def next_millisecond() -> None:
    """Wait for the clock's next millisecond: ids made from now on sort after those made before."""
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        pass
