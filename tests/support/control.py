"""A control socket beside a file, with an operator that answers what the test wants."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.control import asking
from gatepost.control.line import Wish
from gatepost.control.listener import ControlSocket
from gatepost.control.place import socket_path
from gatepost.events import Event, Events

HOLD = Wish("message", {"action": "hold", "message": "00000000-0000-0000-0000-000000000007"})
LOOK = "look with `gatepost messages show`"


async def ask(database: Path, wish: Wish) -> dict[str, Any]:
    """Ask as the command line does, with something to say where the outcome stays open."""
    return await asking.ask(database, wish, look=LOOK)


class Operator:
    """Answers what the test wants, when it wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, Any], Signature]] = []
        self.answer: Any = {"state_after": "held"}
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.heard = asyncio.Semaphore(0)

    async def __call__(self, values: Mapping[str, Any], by: Signature) -> dict[str, Any]:
        self.asked.append((dict(values), by))
        self.heard.release()
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        done: dict[str, Any] = self.answer
        return done


class Place:
    """A file with its socket, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.database = (folder / "gatepost.db").resolve()
        self.database.touch()
        self.path = socket_path(self.database)
        self.operator = Operator()
        self.heard: list[Event] = []
        self.events = Events()
        self.events.subscribe(self.heard.append)
        self.control = self.beside(self.database)

    def beside(self, database: Path) -> ControlSocket:
        """Make a socket beside a file, for the one order there is here."""
        return ControlSocket(database, {"message": self.operator}, self.events)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        try:
            yield reader, writer
        finally:
            writer.close()

    async def said(self, raw: bytes) -> dict[str, Any]:
        """Send something and return the answer."""
        async with self.connected() as (reader, writer):
            writer.write(raw)
            writer.write_eof()
            answer: dict[str, Any] = json.loads(await reader.readline())
            return answer
