"""What is known of the trace of whatever runs now, in the words of W3C Trace Context.

It costs nothing to speak of where nobody traces: without a configured provider there is no current span.
"""

from opentelemetry.trace import get_current_span


def current_traceparent() -> str | None:
    """Name the span that is current here, as a `traceparent` header field does; None where there is none.

    Call it in the task of the request: a span is current in a context, and no context reaches the threads and greenlets
    that write.
    """
    span = get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
