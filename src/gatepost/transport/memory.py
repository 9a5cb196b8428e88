"""Keep messages in memory: for the tests of products that carry Gatepost."""

from collections.abc import Callable, Mapping

from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.transport import UNBOUNDED, Committing, Envelope, Progress


class MemoryTransport:
    """Accepts every message into `messages`, unless it was told to answer something else."""

    name = "memory"

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self._answers: list[Reply] = []

    def answer_with(self, *replies: Reply) -> None:
        """Answer the next messages with these replies, one each; a message is kept only when its reply accepts it."""
        self._answers.extend(replies)

    def room(self) -> int:
        """See `Transport.room`."""
        return UNBOUNDED

    def listen(self, more: Callable[[], None]) -> None:
        """See `Transport.listen`; there is always room."""

    def usable(self) -> Mapping[str, bool]:
        """See `Transport.usable`; nothing here could fail."""
        return {}

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        """Submit one message; see `Transport.submit`."""
        reply = self._answers.pop(0) if self._answers else Reply(Outcome.ACCEPTED, Phase.FINAL_REPLY, 250, text="Kept")
        progress.server = reply.server
        if reply.phase in (Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.AUTH):
            progress.phase = reply.phase  # as on a real line: such a message is never marked
            return reply
        progress.phase = Phase.MAIL
        if not await committing():
            return Reply(Outcome.NOT_OURS, progress.phase, text="The claim was no longer ours.")
        progress.phase = reply.phase
        if reply.outcome is Outcome.ACCEPTED:
            self.messages.append(envelope)
        return reply

    async def close(self) -> None:
        """Nothing is kept open."""
