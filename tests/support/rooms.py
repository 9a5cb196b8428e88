"""A transport whose room a test decides, as a server's breaker or its rate does."""

from collections.abc import Callable

from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.transport import UNBOUNDED, Committing, Envelope, Progress


class Bounded(MemoryTransport):
    """Keeps messages in memory; each takes one place of its room.

    Attributes:
        begun: the recipients of all submissions, in their order.
        away: every message is UNREACHABLE, and from the first one on there is no room, as behind a breaker.
    """

    def __init__(self, room: int = UNBOUNDED) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.away = False
        self._room = room
        self._more: Callable[[], None] = lambda: None

    def room(self) -> int:
        return self._room

    def listen(self, more: Callable[[], None]) -> None:
        self._more = more

    def make_room(self, room: int = UNBOUNDED) -> None:
        """There is room again, and whoever listens is told."""
        self._room = room
        self._more()

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        self.begun.append(envelope.recipient)
        self._room -= 1
        if self.away:
            self._room = 0
            return Reply(Outcome.UNREACHABLE, Phase.CONNECT, text="refused")
        return await super().submit(envelope, progress, committing)
