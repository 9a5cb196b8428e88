"""From a request's span through the message's row to the span of its try, on every database."""

import asyncio

import httpx2
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sqlalchemy import select

from gatepost import Draft, Gatepost
from gatepost.events import Event, MessageAccepted
from gatepost.observe.tracing import NAME, Spans
from gatepost.outbox.tables import messages

DEADLINE_S = 20.0


class Traces:
    """A provider whose spans stay in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        return [one for one in self._exporter.get_finished_spans() if one.kind is kind]


@pytest.fixture
def traces() -> Traces:
    """Nobody else's provider: the process has one for all."""
    return Traces()


@pytest.fixture
async def accepted(started: Gatepost, traces: Traces) -> asyncio.Event:
    """Set when a message was accepted; its span is made."""
    happened = asyncio.Event()
    started.events.subscribe(Spans(traces.provider.get_tracer("gatepost")).on_event)

    def listen(event: Event) -> None:
        if isinstance(event, MessageAccepted):
            happened.set()

    started.events.subscribe(listen)
    return happened


async def stored(gatepost: Gatepost) -> list[str | None]:
    """The traces of all messages."""
    return await gatepost._database.read(
        lambda connection: list(connection.execute(select(messages.c.traceparent)).scalars())
    )


async def test_the_span_of_a_try_is_linked_to_the_request_that_promised_the_message(
    started: Gatepost, traces: Traces, accepted: asyncio.Event
) -> None:
    """A host's own instrumentation makes the request's span; ours goes through the row to another task."""
    app = FastAPI(telemetry={"tracer_provider": traces.provider, "operation_spans": False})
    app.include_router(started.router())
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=started.settings.public_url) as client:
        given = {"email": "mira@example.com", "password": "seven lanterns by the tide", "name": "Mira"}
        answer = await client.post("/auth/register", json=given)
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(DEADLINE_S):
        await accepted.wait()
    (request,), tries = traces.spans(SpanKind.SERVER), traces.spans(SpanKind.CLIENT)
    assert tries
    for attempt in tries:
        (link,) = attempt.links
        assert attempt.name == NAME
        assert (link.context.trace_id, link.context.span_id) == (request.context.trace_id, request.context.span_id)
        assert attempt.context.trace_id != request.context.trace_id
    traceparent = f"00-{request.context.trace_id:032x}-{request.context.span_id:016x}-{request.context.trace_flags:02x}"
    assert {traceparent} == set(await stored(started))


async def test_a_products_own_write_keeps_its_span(
    started: Gatepost, traces: Traces, accepted: asyncio.Event, note: Draft
) -> None:
    """Through the thread, or the greenlet, in which the work runs."""
    with traces.provider.get_tracer("host").start_as_current_span("host"):
        await started.write(lambda tx: started.mail.enqueue_in(tx, note))
    async with asyncio.timeout(DEADLINE_S):
        await accepted.wait()
    (host,), (attempt,) = traces.spans(SpanKind.INTERNAL), traces.spans(SpanKind.CLIENT)
    assert [link.context.span_id for link in attempt.links] == [host.context.span_id]


async def test_a_write_that_nobody_traces_has_no_trace_of_another(
    started: Gatepost, traces: Traces, note: Draft
) -> None:
    """What one work was told does not stay on the connection, which the next one uses."""
    with traces.provider.get_tracer("host").start_as_current_span("host"):
        await started.write(lambda tx: None)
    for _ in range(20):  # as many as there are connections
        await started.write(lambda tx: started.mail.enqueue_in(tx, note))
    assert {None} == set(await stored(started))
