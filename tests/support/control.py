"""A control socket beside a file, with an operator that answers what the test wants."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.control.line import Wish
from gatepost.control.listener import ControlSocket
from gatepost.control.place import socket_path
from gatepost.events import Event, Events
from gatepost.outbox.actions import Action
from gatepost.outbox.lifecycle import State
from gatepost.outbox.operate import Acted

MESSAGE, NEW = uuid.UUID(int=7), uuid.UUID(int=8)
HOLD = Wish(Action.HOLD, MESSAGE, None)


class Operator:
    """Answers what the test wants, when it wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Action, uuid.UUID, Signature]] = []
        self.answer: Any = Acted(MESSAGE, Action.HOLD, None, State.QUEUED, State.HELD)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.heard = asyncio.Semaphore(0)

    async def __call__(self, action: Action, message_id: uuid.UUID, by: Signature) -> Acted:
        self.asked.append((action, message_id, by))
        self.heard.release()
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        acted: Acted = self.answer
        return acted


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
        self.control = ControlSocket(self.database, self.operator, self.events)

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
