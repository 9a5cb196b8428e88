"""A look through a SQLite file before anything is promised on it: a damaged page must not be found by a customer."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection

from gatepost.errors import StartRefused

# A start must not wait for gigabytes: what was not looked through by then is trusted, and met later, as a 503.
LOOK_S = 2.0
_STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 10_000


def refuse_damage(connection: Connection, path: Path) -> None:
    """Look through every page of the file, for at most `LOOK_S` seconds.

    Args:
        connection: the writing one, outside a transaction.
        path: for the sentence.

    Raises:
        StartRefused: the file is damaged.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 (tells mypy what the recipe guarantees)
    give_up_at = time.monotonic() + LOOK_S
    driver.set_progress_handler(lambda: time.monotonic() > give_up_at, _STEPS_BETWEEN_LOOKS_AT_THE_CLOCK)
    try:
        found: str = driver.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        driver.set_progress_handler(None, 0)
    if found != "ok":
        raise StartRefused(
            f"the database {path} is damaged ({found.splitlines()[-1]}): restore a backup, or save what is left with"
            f" `sqlite3 {path.name} .recover` into a new file."
        )
