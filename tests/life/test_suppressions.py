"""The product as it is put together asks about suppressions, under the keys of its settings."""

import asyncio
from pathlib import Path

import pytest

from gatepost import Gatepost, Settings
from gatepost.events import Event, Events, MessageAccepted, MessageSuppressed
from gatepost.mail.draft import Draft
from gatepost.parts import build_hiding
from gatepost.suppression.lift import hide
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import suppress
from gatepost.transport.memory import MemoryTransport
from tests.support.delivery import DEADLINE_S

MIRA, ZOE = "mira@example.com", "zoe@example.com"


class Heard:
    """What was told, and who waits for it."""

    def __init__(self) -> None:
        self.events = Events()
        self.events.subscribe(self._hear)
        self.all: list[Event] = []
        self._changed = asyncio.Event()

    def _hear(self, event: Event) -> None:
        self.all.append(event)
        self._changed.set()

    async def settled(self, count: int) -> list[tuple[str, str | None]]:
        """Wait until so many messages are over; how, and why."""
        over: list[tuple[str, str | None]] = []
        async with asyncio.timeout(DEADLINE_S):
            while len(over) < count:
                self._changed.clear()
                over = [
                    (type(one).__name__, one.reason if isinstance(one, MessageSuppressed) else None)
                    for one in self.all
                    if isinstance(one, MessageSuppressed | MessageAccepted)
                ]
                if len(over) < count:
                    await self._changed.wait()
        return over


@pytest.mark.parametrize("suppression_key", [None, "a key for suppressions 0123456789abcdef"])
async def test_s72_the_product_stops_what_is_suppressed(tmp_path: Path, suppression_key: str | None) -> None:
    """One address as it stands and one that is hidden; a third gets its mail."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/gatepost.db",
        secret_keys="0123456789abcdefghijklmnopqrstuv",
        suppression_key=suppression_key,
        sender="a@tideline.example",
    )
    hiding, heard, transport = build_hiding(settings), Heard(), MemoryTransport()
    gatepost = Gatepost(settings, events=heard.events, transport=transport)
    await gatepost.start()

    def prepare(tx: object) -> None:
        for address in (MIRA, ZOE):
            suppress(
                tx,  # type: ignore[arg-type]
                hiding,
                address=address,
                address_key=address,
                scope=Scope.ALL,
                reason=Reason.OPERATOR,
                source="admin token",
                now_ms=gatepost.clock.now_ms(),
            )
        hide(tx, hiding, ZOE)  # type: ignore[arg-type]

    def promise(tx: object) -> None:
        for address in (MIRA, ZOE, "ann@example.com"):
            gatepost.mail.enqueue_in(tx, Draft(template="welcome", recipient=address))  # type: ignore[arg-type]

    await gatepost.write(prepare)
    await gatepost.write(promise)
    over = await heard.settled(3)
    await gatepost.stop()
    assert [("MessageAccepted", None), *[("MessageSuppressed", "operator")] * 2] == sorted(over)
    assert ["ann@example.com"] == [message.recipient for message in transport.messages]
