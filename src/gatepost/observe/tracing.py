"""Turns tries to submit a message into spans of OpenTelemetry: one for each, linked to the request that promised it.

Nothing is exported here. Where no provider is configured the library does nothing, at the price of a call.
"""

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, get_current_span, get_tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gatepost import events
from gatepost.version import VERSION

NAME = "submit"
CLAIM_LOST = "claim_lost"
_ACCEPTED = "accepted"
_NS_PER_MS = 1_000_000
_PROPAGATOR = TraceContextTextMapPropagator()


class Spans:
    """Makes a span of each try. Subscribe `on_event`.

    Args:
        tracer: makes the spans; of the provider that is configured for the process when None.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or get_tracer("gatepost", VERSION)

    def on_event(self, event: events.Event) -> None:
        """Make the span of a try that is over; it began and ended when the try did."""
        if not isinstance(event, events.MessageEvent) or event.started_at is None:
            return  # nothing was tried: it expired, or was superseded, before its turn
        began_ns = event.started_at * _NS_PER_MS
        span = self._tracer.start_span(
            NAME,
            # A trace of its own: the try may be days later, and as many tries as there are hang on one request.
            context=Context(),
            kind=SpanKind.CLIENT,
            attributes=_attributes(event),
            links=_links(event.traceparent),
            start_time=began_ns,
        )
        if event.outcome != _ACCEPTED:
            span.set_status(Status(StatusCode.ERROR, event.reason))
        span.end(began_ns + round(event.duration_ms * _NS_PER_MS))


def _links(traceparent: str | None) -> list[Link]:
    if traceparent is None:
        return []
    # The library reads it, as strictly as the standard wants: what is none gives no span, and no link.
    found = get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, Context())).get_span_context()
    return [Link(found)] if found.is_valid else []


def _attributes(event: events.MessageEvent) -> Mapping[str, str | int]:
    """Name what happened by the semantic conventions, and the rest below `gatepost`. No address, no word of a server.

    `recipient` is masked in events and left out all the same: traces are kept where nobody erases people.
    """
    host, _, port = (event.server or "").rpartition(":")
    found: Mapping[str, str | int | None] = {
        "messaging.system": "smtp",
        "messaging.operation.name": NAME,
        "messaging.operation.type": "send",
        "messaging.message.id": event.message,
        "server.address": host.strip("[]") or None,
        "server.port": int(port) if host and port.isascii() and port.isdigit() else None,
        "error.type": None if event.outcome == _ACCEPTED else event.outcome or CLAIM_LOST,
        "gatepost.template": event.template,
        "gatepost.attempt": event.attempt,
        "gatepost.phase": event.phase,
        "gatepost.reply_code": event.reply_code,
        "gatepost.enhanced_status": event.enhanced_status,
        "gatepost.reason": event.reason,
        "gatepost.request_id": event.request_id,
        "gatepost.since_enqueued_ms": event.since_enqueued_ms,
    }
    return {name: value for name, value in found.items() if value is not None}
