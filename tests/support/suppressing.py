"""Suppressions as tests write and read them."""

import uuid
from typing import Any

from sqlalchemy import select

from gatepost.database.connection import Database
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import Suppressed, suppress
from gatepost.suppression.tables import suppressions
from tests.support.gate import SECRET

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000
MIRA = "mira@example.com"
HIDING = Hiding([SECRET])


async def suppressed(
    database: Database, reason: Reason, address: str = MIRA, *, hiding: Hiding = HIDING, **changes: Any
) -> Suppressed:
    """Suppress an address in a transaction of its own."""
    fields: dict[str, Any] = {
        "address": address,
        "address_key": address,
        "scope": Scope.ALL_BUT_SECURITY if reason is Reason.UNSUBSCRIBED else Scope.ALL,
        "reason": reason,
        "source": "smtp",
        "now_ms": NOW_MS,
    }
    return await database.write(lambda tx: suppress(tx, hiding, **(fields | changes)))


async def rows(database: Database) -> list[dict[str, Any]]:
    """Every suppression, the oldest first."""

    def query(connection: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(select(suppressions).order_by(suppressions.c.id)).mappings()]

    return await database.read(query)


async def row(database: Database, suppression_id: uuid.UUID) -> dict[str, Any]:
    """One suppression."""
    (found,) = [one for one in await rows(database) if one["id"] == suppression_id]
    return found


async def keys_and_reasons(database: Database) -> set[tuple[str, str]]:
    """What is suppressed, and why."""
    return {(row["address_key"], row["reason"]) for row in await rows(database)}
