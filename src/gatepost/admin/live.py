"""What goes on, live: one task looks and renders while somebody watches, and every viewer is shown the newest frame.

A viewer holds nothing but the number of the frame it has sent. A browser that is slow is given the frame that is newest
when it can take one, and never those it has missed.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass

from gatepost.activity.now import Activity
from gatepost.clock import Clock
from gatepost.errors import NotStarted, TryLater
from gatepost.web.context import Stopping

# Two frames a second.
PACE_S = 0.5
# Where a look takes long, at most so much of the time goes into looking.
MOST_OF_THE_TIME = 0.5
# Without a write nobody notices that a browser has gone.
KEEP_ALIVE_S = 15.0
# How long the stream of a session that has ended may go on.
SESSIONS_EVERY_S = 3.0
MAX_VIEWERS = 500
# What a browser is told to wait before it comes back, in milliseconds: a restart should show for a moment only.
_BEGIN = b"retry: 1000\n\n"
_STILL_HERE = b": still here\n\n"

Look = Callable[[], Awaitable[Activity]]
Render = Callable[[Activity], str]
StillSignedIn = Callable[[Collection[uuid.UUID]], Awaitable[Collection[uuid.UUID]]]


@dataclass(eq=False)
class _Viewer:
    session_id: uuid.UUID
    ended: bool = False


class Live:
    """Shows what goes on to whoever watches.

    Args:
        look: looks at the database once.
        render: makes a frame of what was seen; the same for every viewer.
        still_signed_in: which of these sessions of operators have not ended.
        stopping: set when the process begins to stop.
        clock: says how long a look takes.
        pace_s: seconds from one frame to the next.

    Attributes:
        renders: how many frames were made so far.
    """

    def __init__(
        self,
        look: Look,
        render: Render,
        still_signed_in: StillSignedIn,
        stopping: Stopping,
        clock: Clock,
        *,
        pace_s: float = PACE_S,
    ) -> None:
        self._look = look
        self._render = render
        self._still_signed_in = still_signed_in
        self._stopping = stopping
        self._clock = clock
        self._pace_s = pace_s
        self._viewers: set[_Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._newest = b""
        self._sessions_at_s = 0.0
        self.renders = 0

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def admit(self) -> None:
        """Say nothing while there is room for one more viewer.

        Raises:
            TryLater: MAX_VIEWERS watch already, or the process stops.
        """
        if self.viewers >= MAX_VIEWERS:
            raise TryLater(f"{MAX_VIEWERS} browsers watch already", retry_after_s=30)
        if self._stopping.is_set():
            raise TryLater("the process stops", retry_after_s=1)

    async def frames(self, session_id: uuid.UUID) -> AsyncIterator[bytes]:
        """Yield server-sent events for one browser, until it goes, its session ends or the process stops."""
        viewer = _Viewer(session_id)
        self._viewers.add(viewer)
        try:
            self._watch()
            yield _BEGIN
            sent = b""
            while not viewer.ended and not self._stopping.is_set():
                news, frame = self._news, self._newest
                if frame != sent:
                    sent = frame
                    yield frame
                elif not await _told(news):
                    yield _STILL_HERE
        finally:
            self._viewers.discard(viewer)

    def _watch(self) -> None:
        if self._task is None or self._task.done():
            self._newest = b""  # of the last time somebody watched
            self._task = asyncio.get_running_loop().create_task(self._run(), name="gatepost-live")

    async def _run(self) -> None:
        try:
            while self._viewers and not self._stopping.is_set():
                began = self._clock.monotonic()
                await self._frame()
                await self._end_sessions(began)
                took_s = self._clock.monotonic() - began
                await self._pause(max(self._pace_s - took_s, took_s / MOST_OF_THE_TIME - took_s))
        finally:
            # Also where a bug ended it: browsers come back, and a new task is made for them.
            for viewer in self._viewers:
                viewer.ended = True
            self._tell()

    async def _frame(self) -> None:
        try:
            seen = await self._look()
        except (NotStarted, TryLater):
            return  # what was seen last is still the best that is known, and the page says since when
        self.renders += 1
        frame = event(self._render(seen))
        if frame != self._newest:
            self._newest = frame
            self._tell()

    async def _end_sessions(self, now_s: float) -> None:
        if now_s - self._sessions_at_s < SESSIONS_EVERY_S:
            return
        watching = list(self._viewers)
        try:
            lasting = await self._still_signed_in({viewer.session_id for viewer in watching})
        except (NotStarted, TryLater):
            return
        self._sessions_at_s = now_s
        for viewer in watching:
            viewer.ended = viewer.ended or viewer.session_id not in lasting
        if any(viewer.ended for viewer in watching):
            self._tell()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()


def event(text: str) -> bytes:
    """Write one server-sent event (HTML Living Standard, 9.2) without a name."""
    return "".join(f"data: {line}\n" for line in text.splitlines()).encode() + b"\n"


async def _told(news: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(news.wait(), KEEP_ALIVE_S)
    except TimeoutError:
        return False
    return True
