"""A migrated SQLite file with a witness in it, made once: most tests are not about a first start."""

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gatepost.database.sqlite import SqliteDatabase
from tests.support.tables import SqliteTables
from tests.support.witness import Witness


def place_witnessed_file(path: Path) -> None:
    """Write an empty, migrated database here, in which every move of every message is written down."""
    path.write_bytes(_witnessed_file())
    path.chmod(0o600)


@functools.cache
def _witnessed_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="gatepost-template-") as folder:
        path = Path(folder) / "gatepost.db"
        with ThreadPoolExecutor(max_workers=1) as thread:  # whoever asks may have a loop of its own
            thread.submit(asyncio.run, _migrate(path)).result()
        Witness(SqliteTables(path)).begin()
        return path.read_bytes()


async def _migrate(path: Path) -> None:
    await (await SqliteDatabase.open(path, wait_for_owner_s=0)).close()
