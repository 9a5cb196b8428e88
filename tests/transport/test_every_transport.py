"""What holds for every way to submit: SMTP, the development folder, memory."""

import asyncio
import typing
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatepost.testing import SubmissionServer
from gatepost.transport.folder import FolderTransport
from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.smtp import Client
from gatepost.transport.transport import Progress, Transport
from tests.transport.submitting import Marking, an_envelope, opened, until


@dataclass
class Kind:
    transport: Transport
    contents: Callable[[], list[bytes]]


@pytest.fixture(params=[*typing.get_args(Client), "folder", "memory"])
async def kind(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kind]:
    if request.param in typing.get_args(Client):
        async with SubmissionServer() as server, opened(server, client=request.param) as line:
            yield Kind(line.transport, lambda: [message.content for message in server.messages])
    elif request.param == "folder":
        folder = tmp_path / "mailbox"
        files = lambda: [path.read_bytes() for path in sorted(folder.glob("*.eml"))]  # noqa: E731
        yield Kind(FolderTransport(folder), files)
    else:
        memory = MemoryTransport()
        yield Kind(memory, lambda: [envelope.content for envelope in memory.messages])


async def test_an_accepted_message_arrives_byte_for_byte(kind: Kind) -> None:
    """Whatever dots and empty lines a message has, what arrives is what was submitted."""
    envelope = an_envelope()
    tricky = type(envelope)(
        envelope.return_path, envelope.recipient, envelope.content + b".\r\n..\r\n.a\r\n\r\n.\r\n\r\n"
    )
    reply = await kind.transport.submit(tricky, Progress(), Marking())
    assert (reply.outcome, reply.phase) == (Outcome.ACCEPTED, Phase.FINAL_REPLY)
    assert kind.contents() == [tricky.content]


async def test_committing_is_called_once_and_before_anything_arrives(kind: Kind) -> None:
    """At the moment `committing` ends, nothing has arrived yet, and no content has begun."""
    progress = Progress()
    marking = Marking()
    seen: list[tuple[int, bool]] = []
    marking.seen = lambda: seen.append((len(kind.contents()), progress.content_begun))
    await kind.transport.submit(an_envelope(), progress, marking)
    assert (marking.calls, seen) == (1, [(0, False)])
    assert progress.content_begun


async def test_a_claim_that_is_lost_stops_the_message(kind: Kind) -> None:
    """When `committing` says False, nothing arrives and no content was begun."""
    progress = Progress()
    reply = await kind.transport.submit(an_envelope(), progress, Marking(answer=False))
    assert reply.outcome is Outcome.NOT_OURS
    assert not progress.content_begun
    await kind.transport.close()
    assert kind.contents() == []


async def test_an_error_of_committing_passes_through(kind: Kind) -> None:
    """When `committing` raises, the caller gets that very error and nothing arrives."""
    with pytest.raises(TimeoutError, match="the database"):
        await kind.transport.submit(an_envelope(), Progress(), Marking(error=TimeoutError("the database")))
    await kind.transport.close()
    assert kind.contents() == []


async def test_cancelling_before_the_content_leaves_nothing(kind: Kind) -> None:
    """A submission cancelled while `committing` is under way ends at once and hands nothing over."""
    progress = Progress()
    marking = Marking(gate=asyncio.Event())
    task = asyncio.create_task(kind.transport.submit(an_envelope(), progress, marking))
    await until(lambda: marking.calls == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert (marking.cancelled, marking.ended, progress.content_begun) == (1, 0, False)
    await kind.transport.close()
    assert kind.contents() == []


async def test_many_at_once_arrive_once_each(kind: Kind) -> None:
    """A hundred concurrent submissions arrive exactly once each."""
    envelopes = [an_envelope(number) for number in range(100)]
    replies = await asyncio.gather(*(kind.transport.submit(one, Progress(), Marking()) for one in envelopes))
    assert {reply.outcome for reply in replies} == {Outcome.ACCEPTED}
    assert sorted(kind.contents()) == sorted(envelope.content for envelope in envelopes)


async def test_closing_twice_is_harmless(kind: Kind) -> None:
    """`close` may be called again."""
    await kind.transport.submit(an_envelope(), Progress(), Marking())
    await kind.transport.close()
    await kind.transport.close()
    assert len(kind.contents()) == 1
