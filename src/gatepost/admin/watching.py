"""Which of the sessions of operators that watch a page have not ended: one look for all of them."""

import uuid
from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select

from gatepost.accounts.gate import Gate
from gatepost.database.batch import among
from gatepost.operators.tables import operator_sessions as sessions
from gatepost.operators.tables import operators

_LASTING = (
    select(sessions.c.id)
    .join_from(sessions, operators, operators.c.id == sessions.c.operator_id)
    .where(
        among(sessions.c.id, "of_ids"),
        sessions.c.expires_at > bindparam("now_ms"),
        sessions.c.seen_at > bindparam("idle_since"),
        operators.c.disabled_at.is_(None),
    )
)


async def still_signed_in(gate: Gate, session_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of these sessions that have not ended; to watch is not to be seen, so they grow idle meanwhile.

    Raises:
        TryLater: nobody knows.
    """
    now_ms = gate.clock.now_ms()
    values = {"of_ids": list(session_ids), "now_ms": now_ms, "idle_since": now_ms - round(gate.session_idle_s * 1000)}

    def read(connection: Connection) -> set[uuid.UUID]:
        return set(connection.execute(_LASTING, values).scalars())

    return await gate.database.read(read)
