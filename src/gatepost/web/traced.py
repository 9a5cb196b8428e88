"""Keeps secrets out of the request's span: whoever traces us, a mailed link must not stand in their traces.

FastAPI, and the instrumentations it replaces, write the whole query and path of a request into its span. Ours hold
tokens (`/verify?token=…`, `/mail/unsubscribe/…`) and addresses (`?q=…`).
"""

from opentelemetry.trace import get_current_span
from starlette.types import Scope

_HIDDEN = "REDACTED"
# Under which names the conventions, new and old, keep what people asked for.
_PATHS = ("url.path", "http.target")
_WHOLE = ("url.query", "url.full", "http.url")


def hide_in_trace(scope: Scope, route: str | None) -> None:
    """Overwrite, in the span that is current, what of the request's address may be a secret.

    Call it where the request's own span is current: before anything begins another.

    Args:
        scope: of the request.
        route: the path's template; None for an address that is no route of ours, whose path is hidden too: it may be a
            mailed link with a mistake in it.
    """
    span = get_current_span()
    if not span.is_recording():
        return
    written = getattr(span, "attributes", None) or {}
    for name in _PATHS:
        if name in written or name == "url.path":
            span.set_attribute(name, route or _HIDDEN)
    for name in _WHOLE:
        if name in written or (name == "url.query" and scope.get("query_string")):
            span.set_attribute(name, _HIDDEN)
