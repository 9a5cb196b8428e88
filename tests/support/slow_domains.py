"""A transport behind which some domains answer only when a test says so."""

import asyncio
from collections import Counter, defaultdict

from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply import Reply
from gatepost.transport.transport import Committing, Envelope, Progress


class SlowDomains(MemoryTransport):
    """Keeps messages in memory; those to `slow` domains hang before the mark until they are answered.

    Attributes:
        under_way: how many messages to each domain hang.
    """

    def __init__(self, *slow: str) -> None:
        super().__init__()
        self.under_way: Counter[str] = Counter()
        self._slow = set(slow)
        self._waiting: dict[str, list[asyncio.Future[Reply | None]]] = defaultdict(list)

    def answer(self, domain: str, reply: Reply, count: int) -> None:
        """Answer so many of those that hang with this reply; one that accepts lets them through."""
        for _ in range(count):
            self._waiting[domain].pop(0).set_result(None if reply.code == 250 else reply)

    def open(self, domain: str) -> None:
        """Let everything through from now on."""
        self._slow.discard(domain)
        for one in self._waiting.pop(domain, []):
            one.set_result(None)

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        domain = envelope.recipient.rpartition("@")[2]
        if domain in self._slow:
            answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
            self._waiting[domain].append(answer)
            self.under_way[domain] += 1
            try:
                reply = await answer
            finally:
                self.under_way[domain] -= 1
            if reply is not None:
                return reply
        return await super().submit(envelope, progress, committing)
