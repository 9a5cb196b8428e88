"""A product's messages in a transaction of Gatepost's: `gatepost.write(work)` and `enqueue_in`, on every database."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, func, select

from gatepost import Draft, Gatepost
from gatepost.delivery.worker import Worker
from gatepost.errors import EnqueueRefused, InvalidInput, NotStarted, TemplateError
from gatepost.events import Event, MessageAccepted
from gatepost.outbox.search import find
from gatepost.outbox.tables import messages
from gatepost.transport.memory import MemoryTransport

DEADLINE_S = 20.0


async def count(gatepost: Gatepost) -> int:
    """How many messages there are."""
    return await gatepost._database.read(
        lambda connection: connection.execute(select(func.count()).select_from(messages)).scalar_one()
    )


async def test_a_message_of_a_work_goes_out_at_once(
    monkeypatch: pytest.MonkeyPatch, gatepost: Gatepost, note: Draft, transport: MemoryTransport
) -> None:
    """Without any poll: the write itself wakes the worker."""
    defaults: dict[str, Any] = Worker.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "poll_s", 3600.0)
    accepted = asyncio.Event()

    def listen(event: Event) -> None:
        if isinstance(event, MessageAccepted):
            accepted.set()

    gatepost.events.subscribe(listen)
    await gatepost.start()
    try:
        await gatepost.write(lambda tx: gatepost.mail.enqueue_in(tx, note))
        async with asyncio.timeout(DEADLINE_S):
            await accepted.wait()
    finally:
        await gatepost.stop()
    (sent,) = transport.messages
    assert sent.recipient == "Mira@example.com"
    assert b"The tide turns at six." in sent.content


async def test_a_work_that_fails_leaves_no_message(started: Gatepost, note: Draft) -> None:
    """What it raised comes back, and nothing of it is there."""

    def work(tx: Connection) -> None:
        started.mail.enqueue_in(tx, note)
        raise LookupError("the product changed its mind")

    with pytest.raises(LookupError):
        await started.write(work)
    assert await count(started) == 0


async def test_a_message_is_found_by_its_id_and_its_recipient(started: Gatepost, note: Draft) -> None:
    """The id leads to the row; the address key is ours to make, whatever the draft says; a token is never taken."""
    lying = replace(note, recipient_key="somebody@else.example", token_id=bytes(16))
    message = await started.write(lambda tx: started.mail.enqueue_in(tx, lying))
    assert isinstance(message, uuid.UUID)
    found = await started._database.read(lambda connection: find(connection, message))
    assert found is not None
    assert (found.message.recipient, found.message.template) == ("Mira@Example.com", "note")
    row = await started._database.read(
        lambda connection: connection.execute(select(messages.c.recipient_key, messages.c.token_id)).one()
    )
    assert tuple(row) == ("mira@example.com", None)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"template": "nothing"}, TemplateError, "There is no template 'nothing'"),
        ({"values": {}}, TemplateError, "must give words"),
        ({"values": {"words": "a", "wrods": "b"}}, TemplateError, "no place for wrods"),
        ({"template": "verification", "values": {}, "token_id": bytes(16)}, TemplateError, "only Gatepost's own flows"),
        ({"locale": "klingon!"}, TemplateError, "no language tag"),
        ({"recipient": None}, EnqueueRefused, "has no recipient"),
        ({"recipient": "nobody"}, InvalidInput, "recipient: "),
        ({"recipient": "a@b.example\r\nBcc: c@d.example"}, InvalidInput, "recipient: "),
    ],
)
async def test_a_draft_that_cannot_go_out_is_refused_in_the_work(
    started: Gatepost, note: Draft, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    """The call that makes the mistake is told of it, and nothing is written."""
    with pytest.raises(error, match=words):
        await started.write(lambda tx: started.mail.enqueue_in(tx, replace(note, **changes)))
    assert await count(started) == 0


async def test_a_connection_of_a_host_on_sqlite_is_refused(started: Gatepost, note: Draft) -> None:
    """Whatever file it has open: the sentence says what to use instead."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection, pytest.raises(EnqueueRefused, match=r"use `await gatepost\.write\(work\)`"):
        started.mail.enqueue_in(connection, note)
    engine.dispose()


async def test_what_is_no_connection_is_refused(started: Gatepost, note: Draft) -> None:
    """The sentence names what is expected."""
    with pytest.raises(EnqueueRefused, match=r"the connection that gatepost\.write gives"):
        started.mail.enqueue_in("tx", note)  # type: ignore[arg-type]


async def test_before_the_start_there_is_nothing_to_write_to(gatepost: Gatepost, note: Draft) -> None:
    """`write` needs a running Gatepost, and says so."""
    with pytest.raises(NotStarted):
        await gatepost.write(lambda tx: gatepost.mail.enqueue_in(tx, note))


@pytest.mark.parametrize("seconds", [0, -1, 30 * 24 * 3600 + 1])
def test_a_draft_lives_within_bounds(note: Draft, seconds: int) -> None:
    """At least a second, at most 30 days."""
    with pytest.raises(ValueError, match="expires_in_s must be 1 to 2592000"):
        replace(note, expires_in_s=seconds)
