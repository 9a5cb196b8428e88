"""Whatever a mail server, a transport or a template says can be stored, and the message goes its way."""

from collections.abc import Mapping

import pytest

from gatepost.database.connection import Database
from gatepost.errors import TemplateError
from gatepost.events import MessageAccepted, MessageDeferred, MessageFailed, MessageHeld, MessageUnknown
from gatepost.outbox.claim import Claimed
from gatepost.testing import Say, Step, SubmissionServer
from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.transport import Committing, Envelope, Progress
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery, smtp_to

ODD_TEXT = "no\x00thing \ud800\udfff\u202e" + "x" * 5_000


@pytest.mark.parametrize(
    ("said", "led_to"),
    [
        (b"550 5.1.1 no such\x00user\r\n", MessageFailed),
        (b"550 5.1.1 \xff\xfe\xed\xa0\x80 gone\r\n", MessageFailed),
        (b"550-5.1.1 " + b"long " * 400 + b"\r\n550 5.1.1 end\r\n", MessageFailed),
        ("550 5.1.١ Arabic digits\r\n".encode(), MessageFailed),
        (b"999 what?\r\n", MessageDeferred),
        (b"-50 what?\r\n", MessageDeferred),
        (b"451 \x00\x00\x00\r\n", MessageDeferred),
        (b"\x00\r\n", MessageDeferred),
    ],
)
async def test_a_refusal_of_any_bytes_is_remembered(
    database: Database,
    server: SubmissionServer,
    clock: MovableClock,
    said: bytes,
    led_to: type[MessageFailed | MessageDeferred],
) -> None:
    """NUL, broken UTF-8, too much of it, a code that is none: the attempt stands in the database."""
    server.at(Step.RCPT, Say(said), times=1)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(led_to)
    (attempt,) = (await delivery.find(row_id)).attempts
    assert attempt.reply_code is None or 200 <= attempt.reply_code <= 599
    assert len(attempt.reply_text or "") <= 500
    assert "\x00" not in (attempt.reply_text or "")


async def test_odd_bytes_in_the_final_reply_do_not_cost_the_acceptance(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """It was taken: a reply that could not be stored would send it again."""
    server.at(Step.TAKEN, Say(b"250 2.0.0 queued as \x00\xff\r\n"))
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await delivery.enqueue()
        await delivery.wait_for(MessageAccepted)
    assert 1 == len(server.messages)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (Outcome.ACCEPTED, MessageAccepted),
        (Outcome.PERMANENT, MessageFailed),
        (Outcome.TRANSIENT, MessageDeferred),
        (Outcome.UNKNOWN, MessageUnknown),
    ],
)
async def test_a_transport_may_reply_whatever_it_likes(
    database: Database, clock: MovableClock, outcome: Outcome, event: type[MessageAccepted]
) -> None:
    """Somebody else's transport need not clean its texts: no NUL, no half character, no code 999 reaches the row."""
    delivery = Delivery(database, Odd(outcome), clock)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(event)
    (attempt,) = (await delivery.find(row_id)).attempts
    assert (None, None, 500) == (attempt.reply_code, attempt.enhanced_status, len(attempt.reply_text or ""))
    assert "odd server" == attempt.server


async def test_a_template_may_fail_with_any_text(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """The message is held with what can be stored of the reason."""

    def compose(claimed: Claimed, values: Mapping[str, str], now_ms: int) -> Envelope:
        raise TemplateError(ODD_TEXT)

    delivery = Delivery(database, smtp_to(server.port), clock, compose=compose)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageHeld)
    (attempt,) = (await delivery.find(row_id)).attempts
    assert str(attempt.reply_text).startswith("no thing")


class Odd(MemoryTransport):
    """A transport that cleans nothing."""

    name = "odd"

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self._outcome = outcome

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        assert await committing()
        progress.phase = Phase.FINAL_REPLY
        return Reply(self._outcome, Phase.FINAL_REPLY, 999, "5.\x00.\ud800", ODD_TEXT, "odd\x00server")
