"""A backlog made in SQL while nothing runs: promising a hundred thousand one by one is not what is measured."""

import sqlite3
from contextlib import closing
from pathlib import Path

_MULTIPLY = """
    WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < :count)
    INSERT INTO messages ({columns})
    SELECT {values} FROM (SELECT * FROM messages WHERE template = 'welcome' LIMIT 1), numbers
"""
_ADDRESS = "'waiting-' || number || '@domain-' || (number % :domains) || '.example'"
_OF_ITS_OWN = {
    "id": "randomblob(16)",
    "message_id": "'<' || number || '@waiting.example>'",
    "recipient": _ADDRESS,
    "recipient_key": _ADDRESS,
    "recipient_domain": "'domain-' || (number % :domains) || '.example'",
    "state": "'queued'",
    "reason": "NULL",
    "due_at": "created_at",
    "settled_at": "NULL",
    "owner": "NULL",
    "claim_number": "0",
    "attempts": "0",
}


def multiply_the_welcome(database: Path, count: int, domains: int = 40) -> None:
    """Let so many copies of one welcome wait in a SQLite file that nobody owns now, spread over so many domains."""
    with closing(sqlite3.connect(database)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(messages)")]
        values = [_OF_ITS_OWN.get(name, name) for name in columns]
        statement = _MULTIPLY.format(columns=", ".join(columns), values=", ".join(values))
        connection.execute(statement, {"count": count, "domains": domains})
