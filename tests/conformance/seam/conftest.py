"""A product with a message of its own, and Gatepost in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepost import Draft, Gatepost, Settings
from gatepost.events import Event, Events
from gatepost.transport.memory import MemoryTransport


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """A product's folder with one message, `note`, which needs one value."""
    folder = tmp_path / "templates"
    english = folder / "note" / "en"
    english.mkdir(parents=True)
    (english / "subject.txt").write_text("A note\n")
    (english / "body.txt").write_text("{{ words }}\n")
    (english / "body.html").write_text("<!-- preheader: A note -->\n<p>{{ words }}</p>\n")
    return folder


@pytest.fixture
def note() -> Draft:
    """A draft for it."""
    return Draft(template="note", recipient="Mira@Example.com", values={"words": "The tide turns at six."})


@pytest.fixture
def transport() -> MemoryTransport:
    """What was sent."""
    return MemoryTransport()


@pytest.fixture
def gatepost(
    database_url: str, tmp_path: Path, templates: Path, transport: MemoryTransport, heard: list[Event]
) -> Gatepost:
    """Gatepost on this test's database, not started."""
    settings = Settings(
        database_url=database_url,
        secret_keys="0123456789abcdefghijklmnopqrstuv",
        sender="Tideline <hello@tideline.example>",
        argon2_memory_kib=8,
        argon2_time_cost=1,
    )
    events = Events()
    events.subscribe(heard.append)
    return Gatepost(settings, events=events, transport=transport, templates=templates)


@pytest.fixture
async def started(gatepost: Gatepost) -> AsyncIterator[Gatepost]:
    """Gatepost, started; stopped at the end."""
    await gatepost.start()
    yield gatepost
    await gatepost.stop()
