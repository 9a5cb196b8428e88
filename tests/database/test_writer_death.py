"""What callers are told when the writer's thread ends by a bug."""

import asyncio
import ctypes
import threading

import pytest

from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseUnavailable
from tests.database.conftest import note


class Bug(BaseException):
    """Raised inside the writer's thread, outside of every work."""


async def test_everybody_is_told_when_the_writer_dies(database: SqliteDatabase) -> None:
    """Waiting and later calls fail with 503 and the cause; nobody waits for ever."""
    [thread] = [thread for thread in threading.enumerate() if thread.name == "gatepost-write"]
    # It waits for work in C; the exception meets it when the next work wakes it.
    assert 1 == ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Bug))
    waiting = [asyncio.create_task(database.write(note(name))) for name in ("a", "b")]
    for told in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(told, DatabaseUnavailable)
    await asyncio.to_thread(thread.join)
    with pytest.raises(DatabaseUnavailable) as told_later:
        await database.write(note("c"))
    assert isinstance(told_later.value.__cause__, Bug)
    with pytest.raises(DatabaseUnavailable):
        await database.ready()
