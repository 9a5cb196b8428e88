"""The contract of `write`, the same on every database."""

from sqlalchemy import Connection

from gatepost.database.connection import Database


def create_notes(tx: Connection) -> None:
    tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL UNIQUE, filling INTEGER)")


async def test_a_value_comes_back_once_the_row_is_committed(database: Database) -> None:
    """Another connection sees the row as soon as `write` has returned."""
    await database.write(create_notes)

    def work(tx):
        tx.exec_driver_sql("INSERT INTO notes VALUES ('a', 1)")
        return "a"

    assert "a" == await database.write(work)
    assert ["a"] == await database.read(lambda c: list(c.exec_driver_sql("SELECT text FROM notes").scalars()))
    await database.ready()
