"""Frames go to whoever watches: one is made for all, the newest is what counts, and nobody holds anything up."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing

import pytest

from gatepost.admin.live import MAX_VIEWERS, Live, event
from gatepost.clock import SystemClock
from gatepost.errors import DatabaseUnavailable, TryLater

ANYBODY = uuid.UUID(int=1)
SOON_S = 5.0


class Scene:
    """What there is to see, who is signed in, and whether the process stops."""

    def __init__(self) -> None:
        self.words = "first"
        self.away = False
        self.broken = False
        self.ended: set[uuid.UUID] = set()
        self.looked = asyncio.Event()
        self.looks = 0
        self.stopping = asyncio.Event()
        self.live = Live(self.look, str, self.lasting, self.stopping, SystemClock(), pace_s=0.01)

    async def look(self) -> str:
        self.looks += 1
        self.looked.set()
        if self.broken:
            raise ZeroDivisionError
        if self.away:
            raise DatabaseUnavailable("away")
        return self.words

    async def lasting(self, ids: Collection[uuid.UUID]) -> Collection[uuid.UUID]:
        return set(ids) - self.ended

    async def looked_again(self, times: int = 2) -> None:
        for _ in range(times):
            self.looked.clear()
            await asyncio.wait_for(self.looked.wait(), SOON_S)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A scene in which nobody watches; it stops at the end."""
    made = Scene()
    yield made
    made.stopping.set()


async def _next(frames: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(frames), SOON_S)


async def _begin(frames: AsyncIterator[bytes]) -> bytes:
    """The first frame, after what tells a browser to come back soon."""
    assert b"retry: 1000\n\n" == await _next(frames)
    return await _next(frames)


def test_a_frame_is_one_event_whatever_stands_in_it() -> None:
    """Each line has its field, so that no text of a message can end an event or begin another."""
    assert b"data: a\ndata: \ndata: event: b\n\n" == event("a\n\nevent: b")
    assert b"data: a\ndata: b\ndata: c\n\n" == event("a\rb\r\nc")


async def test_one_frame_is_made_for_all(scene: Scene) -> None:
    """A hundred viewers cost one look and one frame."""
    viewers = [scene.live.frames(ANYBODY) for _ in range(100)]
    found = await asyncio.gather(*map(_begin, viewers))
    assert {event("first")} == set(found)
    before = scene.live.renders
    scene.words = "second"
    assert {event("second")} == set(await asyncio.gather(*map(_next, viewers)))
    assert scene.live.renders - before <= 3
    for one in viewers:
        await one.aclose()
    assert 0 == scene.live.viewers


async def test_nothing_is_sent_while_nothing_changes(scene: Scene) -> None:
    """The same frame again is no news."""
    async with aclosing(scene.live.frames(ANYBODY)) as frames:
        await _begin(frames)
        waiting = asyncio.ensure_future(anext(frames))
        await scene.looked_again(5)
        assert not waiting.done()
        scene.words = "second"
        assert event("second") == await asyncio.wait_for(waiting, SOON_S)


async def test_a_slow_browser_misses_frames(scene: Scene) -> None:
    """Whoever takes nothing for ten frames is given the newest, and none of those before."""
    async with aclosing(scene.live.frames(ANYBODY)) as slow, aclosing(scene.live.frames(ANYBODY)) as quick:
        await _begin(slow)
        await _begin(quick)
        for number in range(10):
            scene.words = f"frame {number}"
            assert event(scene.words) == await _next(quick)
        assert event("frame 9") == await _next(slow)


async def test_nobody_looks_while_nobody_watches(scene: Scene) -> None:
    """After the last viewer has gone the looking ends, and begins again with the next, who sees what is there then."""
    async with aclosing(scene.live.frames(ANYBODY)) as frames:
        await _begin(frames)
        (task,) = (one for one in asyncio.all_tasks() if one.get_name() == "gatepost-live")
    await asyncio.wait_for(task, SOON_S)
    scene.words, scene.away = "much later", True
    async with aclosing(scene.live.frames(ANYBODY)) as frames:
        assert b"retry: 1000\n\n" == await _next(frames)
        waiting = asyncio.ensure_future(anext(frames))
        await scene.looked_again()
        assert not waiting.done()
        scene.away = False
        assert event("much later") == await asyncio.wait_for(waiting, SOON_S)


async def test_a_stop_ends_every_stream_at_once(scene: Scene) -> None:
    """Nobody waits for the next frame, or for a browser."""
    viewers = [scene.live.frames(ANYBODY) for _ in range(20)]
    await asyncio.gather(*map(_begin, viewers))
    ends = [asyncio.ensure_future(anext(one, None)) for one in viewers]
    scene.stopping.set()
    assert [None] * 20 == await asyncio.wait_for(asyncio.gather(*ends), 1.0)
    with pytest.raises(TryLater):
        scene.live.admit()


async def test_s105_a_session_that_ended_ends_its_stream(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own and no other."""
    monkeypatch.setattr("gatepost.admin.live.SESSIONS_EVERY_S", 0.0)
    other = uuid.UUID(int=2)
    async with aclosing(scene.live.frames(ANYBODY)) as first, aclosing(scene.live.frames(other)) as second:
        await _begin(first)
        await _begin(second)
        scene.ended.add(ANYBODY)
        assert None is await asyncio.wait_for(anext(first, None), SOON_S)
        scene.words = "second"
        assert event("second") == await _next(second)


async def test_a_database_that_is_away_keeps_the_streams(scene: Scene) -> None:
    """What was seen last stands until there is something new to see."""
    async with aclosing(scene.live.frames(ANYBODY)) as frames:
        await _begin(frames)
        scene.away = True
        await scene.looked_again()
        scene.away, scene.words = False, "back"
        assert event("back") == await _next(frames)


async def test_a_bug_ends_the_streams_and_browsers_may_come_back(scene: Scene) -> None:
    """No stream stands still for ever: it ends, and the next one begins a new task."""
    frames = scene.live.frames(ANYBODY)
    await _begin(frames)
    (task,) = (one for one in asyncio.all_tasks() if one.get_name() == "gatepost-live")
    scene.broken = True
    assert None is await asyncio.wait_for(anext(frames, None), SOON_S)
    with pytest.raises(ZeroDivisionError):
        await task
    scene.broken = False
    async with aclosing(scene.live.frames(ANYBODY)) as frames:
        assert event("first") == await _begin(frames)


async def test_there_is_room_for_so_many(scene: Scene) -> None:
    """One more is told to come later, until one has gone."""
    viewers = [scene.live.frames(ANYBODY) for _ in range(MAX_VIEWERS)]
    await asyncio.gather(*(_next(one) for one in viewers))
    with pytest.raises(TryLater) as told:
        scene.live.admit()
    assert 30 == told.value.retry_after_s
    await viewers.pop().aclose()
    scene.live.admit()
    for one in viewers:
        await one.aclose()
