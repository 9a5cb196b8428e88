"""Tries as spans: when they began and ended, what they say, and to which request they are linked."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from gatepost.events import ClaimLost, Event, MessageAccepted, MessageDeferred, MessageEvent, MessageExpired
from gatepost.observe.tracing import Spans

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BEGAN_MS = 1_700_000_000_000


def spans_of(*happened: Event) -> tuple[ReadableSpan, ...]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Spans(provider.get_tracer("test"))
    for event in happened:
        spans.on_event(event)
    return exporter.get_finished_spans()


def tried(kind: type[MessageEvent] = MessageAccepted, **details: object) -> MessageEvent:
    wanted: dict[str, object] = {
        "message": "0199-m",
        "template": "verification",
        "recipient": "m***@example.com",
        "claim_number": 3,
        "attempt": 2,
        "traceparent": TRACEPARENT,
        "started_at": BEGAN_MS,
        "duration_ms": 250,
        "outcome": "accepted",
        "phase": "final_reply",
        "reply_code": 250,
        "reply_text": "queued for m@example.com",
        "server": "mail.example.com:587",
    }
    return kind(**{**wanted, **details})


def test_a_try_is_a_span_that_began_and_ended_when_the_try_did() -> None:
    """The event comes after the commit; the span has the times of the dialogue."""
    (span,) = spans_of(tried())
    assert span.start_time == BEGAN_MS * 1_000_000
    assert span.end_time == (BEGAN_MS + 250) * 1_000_000


def test_a_span_is_linked_to_its_request_and_is_in_no_trace_of_it() -> None:
    """A try days later must not reopen a trace that is over."""
    (span,) = spans_of(tried())
    (link,) = span.links
    assert span.parent is None
    assert span.context.trace_id != link.context.trace_id
    assert f"{link.context.trace_id:032x}-{link.context.span_id:016x}" == TRACEPARENT[3:52]


def test_a_span_of_a_try_is_no_child_of_what_runs_when_it_is_told() -> None:
    """A worker that was started inside a span of the host's would hang every try on it."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("host").start_as_current_span("host"):
        (span,) = spans_of(tried())
    assert span.parent is None


@pytest.mark.parametrize("traceparent", [None, "", "nonsense", f"00-{'0' * 32}-{'0' * 16}-01", "ff" + TRACEPARENT[2:]])
def test_what_names_no_span_makes_no_link(traceparent: str | None) -> None:
    """Whatever stands in a row, the try has its span."""
    (span,) = spans_of(tried(traceparent=traceparent))
    assert () == tuple(span.links)


def test_a_span_says_what_happened_by_the_conventions() -> None:
    """And no address, and nothing that a server said."""
    (span,) = spans_of(tried())
    assert dict(span.attributes or {}) == {
        "messaging.system": "smtp",
        "messaging.operation.name": "submit",
        "messaging.operation.type": "send",
        "messaging.message.id": "0199-m",
        "server.address": "mail.example.com",
        "server.port": 587,
        "gatepost.template": "verification",
        "gatepost.attempt": 2,
        "gatepost.phase": "final_reply",
        "gatepost.reply_code": 250,
        "gatepost.since_enqueued_ms": 0,
    }
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("server", "address", "port"),
    [("[::1]:25", "::1", 25), ("folder", None, None), (None, None, None), ("mail:x", "mail", None)],
)
def test_a_server_is_told_as_address_and_port(server: str | None, address: str | None, port: int | None) -> None:
    """Transports that have no address tell none."""
    (span,) = spans_of(tried(server=server))
    attributes = span.attributes or {}
    assert (attributes.get("server.address"), attributes.get("server.port")) == (address, port)


def test_a_try_that_failed_is_an_error_with_its_outcome() -> None:
    """The outcome is one of few words; the reason stands beside it."""
    (span,) = spans_of(tried(MessageDeferred, outcome="transient", reason="mailbox_full"))
    assert (span.attributes or {})["error.type"] == "transient"
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "mailbox_full"


def test_a_try_whose_claim_was_lost_is_a_span_too() -> None:
    """Somebody else settled the message; this dialogue took place all the same."""
    (span,) = spans_of(tried(ClaimLost, outcome=None))
    assert (span.attributes or {})["error.type"] == "claim_lost"


def test_what_was_not_tried_is_no_span() -> None:
    """A message that expired in the queue had no dialogue."""
    assert () == spans_of(tried(MessageExpired, outcome=None, started_at=None))
