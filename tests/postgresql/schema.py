"""What stands in the schema `gatepost` of a PostgreSQL database, as the server itself writes it."""

from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine

from gatepost.audit import tables as audit_tables
from gatepost.database.columns import SCHEMA
from gatepost.outbox import tables as outbox_tables
from tests.database.tables import all_tables
from tests.support.postgresql import Server

# One line for each thing, so that a diff names what differs.
_LINES = """
SELECT 'table ' || c.relname || coalesce(' WITH ' || array_to_string(c.reloptions, ', '), '')
  FROM pg_class AS c WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r'
UNION ALL
SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || conrelid::regclass || '.' || conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = $1::text::regnamespace
UNION ALL
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = $1
UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(t.oid)
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
 WHERE c.relnamespace = $1::text::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = $1::text::regnamespace
"""


async def schema_of(server: Server, url: str) -> list[str]:
    """Every line of the schema, without Alembic's own table."""
    rows: list[Any] = await server.execute(_LINES, SCHEMA, url=url)
    return sorted(row[0] for row in rows if "alembic_version" not in row[0])


async def make_from_the_tables(server: Server, url: str) -> None:
    """Make the schema straight from the code's tables and triggers, without a migration."""
    await server.execute(f"CREATE SCHEMA {SCHEMA}", url=url)
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"),
        connect_args={"server_settings": {"search_path": SCHEMA}},
    )
    async with engine.begin() as connection:
        await connection.run_sync(all_tables().create_all)
        for statement in (*outbox_tables.POSTGRESQL_TRIGGERS, *audit_tables.POSTGRESQL_TRIGGERS):
            await connection.exec_driver_sql(statement)
    await engine.dispose()
