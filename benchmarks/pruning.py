"""Sign-ups while old messages are deleted beside them, and the same without."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, insert, select

from benchmarks.figures import Aim, Figure, Kind, Measure, Result, percentile
from benchmarks.load import Load, paced, registrations
from benchmarks.places import CHEAP_HASH, Place, gatepost, workplace
from benchmarks.sink import start_sink
from gatepost.database.opening import open_database
from gatepost.outbox.tables import attempts, messages

OLD_MESSAGES = 100_000
AGE_DAYS = 100
PER_S = 20
TITLE = "Sign-ups while old messages are pruned"
ALONE, PRUNING = "nothing is pruned", "old messages are pruned"
KEPT_DAYS = {ALONE: 3650, PRUNING: 31}
_AT_ONCE = 2_000


def run(quick: bool, kind: Kind) -> Result:
    """Alternate over two services with the same rows: one keeps them, the other deletes them as its chores do."""
    old, rounds, total = (4_000, 1, 100) if quick else (OLD_MESSAGES, 2, 1_000)
    loads: dict[str, list[Load]] = {ALONE: [], PRUNING: []}
    with workplace(kind) as place, start_sink(place.folder) as sink:
        asyncio.run(_fill(place.url("kept"), old))
        place.copy("kept", "pruned")
        for number in range(rounds):
            for what, name in ((ALONE, "kept"), (PRUNING, "pruned")):
                environ = {**CHEAP_HASH, "GATEPOST_MESSAGES_KEPT_DAYS": str(KEPT_DAYS[what])}
                with gatepost(place, sink.port, environ, name=name) as service:
                    paced(service.port, registrations(f"warm{number}-"), total=20, per_s=PER_S).must_all_be(202)
                    load = paced(service.port, registrations(f"r{number}-"), total=total, per_s=PER_S)
                loads[what].append(load.must_all_be(202))
        left = asyncio.run(_left(place, "pruned"))
    return Result("pruning", TITLE, _figures(loads), _judged(loads), _notes(old, left))


def _figures(loads: dict[str, list[Load]]) -> list[Figure]:
    return [
        Figure.of(f"register p{percent}, {what}", "ms", [percentile(one.latencies_ms, percent) for one in loads[what]])
        for percent in (50, 99)
        for what in loads
    ]


def _judged(loads: dict[str, list[Load]]) -> list[tuple[Figure, Aim | None]]:
    def ratio(percent: int) -> Figure:
        pairs = zip(loads[PRUNING], loads[ALONE], strict=True)
        values = [
            percentile(one.latencies_ms, percent) / percentile(other.latencies_ms, percent) for one, other in pairs
        ]
        return Figure.of(f"register p{percent} while old messages are pruned ÷ without", "×", values)

    return [(ratio(50), Aim("≤", 1.2)), (ratio(99), Aim("≤", 2.0))]


def _notes(old: int, left: int) -> list[str]:
    return [
        f"{old:,} messages of {AGE_DAYS} days with an attempt each; {old - left:,} of them were deleted during the"
        " rounds, 200 in a transaction, at most two a second.",
        f"{PER_S} registrations a second at fixed instants, with the cheapest hash: what is left is the database.",
    ]


async def _fill(url: str, count: int) -> None:
    database = await open_database(url, wait_for_owner_s=0)
    rows = _rows(count)
    while batch := [row for _, row in zip(range(_AT_ONCE), rows)]:  # noqa: B905

        def put(tx: Connection, batch: list[dict[str, Any]] = batch) -> None:
            tx.execute(insert(messages), batch)
            tries = [{"message": row["id"], "claim_number": 1, "number": 1, **_TRY} for row in batch]
            tx.execute(insert(attempts), tries)

        await database.write(put)
    await database.close()


async def _left(place: Place, name: str) -> int:
    database = await open_database(place.url(name), wait_for_owner_s=5)
    old = select(func.count()).select_from(messages).where(messages.c.state == "suppressed")
    found = await database.read(lambda connection: int(connection.scalar(old) or 0))
    await database.close()
    return found


_TRY = {
    "phase": "rcpt",
    "outcome": "permanent",
    "reply_code": 550,
    "enhanced_status": "5.1.1",
    "reply_text": "5.1.1 <person@example.com>: Recipient address rejected: User unknown",
    "server": "127.0.0.1:25",
    "started_at": 0,
    "duration_ms": 30,
}


def _rows(count: int) -> Iterator[dict[str, Any]]:
    """Settled messages: only a few states may be born, and this one is settled."""
    start_ms = time.time_ns() // 1_000_000 - AGE_DAYS * 24 * 3600 * 1000
    for number in range(count):
        at = start_ms + number
        row_id = uuid.UUID(int=at << 80 | 7 << 76 | 2 << 62 | number)
        yield {
            "id": row_id,
            "state": "suppressed",
            "reason": "hard_bounce",
            "template": "verification",
            "locale": "en",
            "recipient": f"old{number}@example.com",
            "recipient_key": f"old{number}@example.com",
            "recipient_domain": "example.com",
            "template_values": '{"name":"Ada"}',
            "message_id": f"<{row_id.hex}@gatepost.example>",
            "account_id": uuid.UUID(int=number + 1),
            "priority": 0,
            "if_unknown": "again",
            "created_at": at,
            "expires_at": at + 1000,
            "claim_number": 1,
            "attempts": 1,
            "unknowns": 0,
            "settled_at": at,
            "security": 1,
        }


MEASURE = Measure("pruning", TITLE, run)
