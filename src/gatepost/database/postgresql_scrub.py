"""Frees on PostgreSQL the space of what was deleted. To write over it is the server's, and its administrator's."""

from gatepost.database.columns import SCHEMA, metadata
from gatepost.database.postgresql_failures import unavailable
from gatepost.database.postgresql_session import LINE_ERRORS, ServerUnfit, Sessions

# Beside everybody else; a table of millions of rows takes longer, and autovacuum does the same later.
FREED_WITHIN_S = 60.0

LEFT = (
    "PostgreSQL writes over the space of deleted rows when it needs it, and keeps its log and your backups for as"
    " long as you told it to: docs/how-to/erase-a-person.md says how to have the bytes gone at once"
)


async def free_space(sessions: Sessions) -> str:
    """Vacuum our tables; returns what is left to do.

    Raises:
        DatabaseUnavailable: the server is away.
    """
    try:
        connection = await sessions.open("scrub", bounded=False)
    except (*LINE_ERRORS, ServerUnfit) as error:
        raise unavailable(sessions.name, error) from error
    tables = ", ".join(f'"{SCHEMA}"."{name}"' for name in sorted(metadata.tables))
    try:
        await connection.execute(f"SET statement_timeout = {int(FREED_WITHIN_S * 1000)}")
        await connection.execute(f"VACUUM (SKIP_LOCKED) {tables}")
    except LINE_ERRORS:
        pass  # it took too long, or the server went: the rows are gone, and autovacuum comes by
    finally:
        connection.terminate()
    return LEFT
