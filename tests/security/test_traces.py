"""Traces tell no secret: what people asked for stands in a request's span, and mailed links are requests."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import get_tracer_provider

from gatepost.web.hosts import install_service_handlers
from gatepost.web.messages import messages_router
from gatepost.web.pages import pages_router
from gatepost.web.unsubscribe import unsubscribe_router
from tests.web.site import Site

SECRET = "q7Zr0fV3kTn5mBpXw2Yd"
HIDDEN = "REDACTED"


class Traced:
    """A site on an app that traces every request."""

    def __init__(self, *, service: bool = False) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        site = Site()
        app = FastAPI(telemetry={"tracer_provider": provider})
        for router in (pages_router(site.context), unsubscribe_router(site.context), messages_router(site.context)):
            app.include_router(router)
        if service:
            install_service_handlers(app, site.context)
        self.client = TestClient(app, base_url=site.settings.public_url, follow_redirects=False)

    def told(self) -> list[dict[str, Any]]:
        """The attributes of all spans."""
        return [dict(span.attributes or {}) for span in self._exporter.get_finished_spans()]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (f"/verify?token={SECRET}", "/verify"),
        (f"/reset?token={SECRET}", "/reset"),
        (f"/mail/unsubscribe/{SECRET}", "/mail/unsubscribe/{token}"),
        (f"/mail/messages?recipient={SECRET}@example.com", "/mail/messages"),
    ],
)
def test_a_mailed_link_does_not_stand_in_a_trace(path: str, route: str) -> None:
    """FastAPI writes path and query into the span; ours says the template, in a host's app too."""
    traced = Traced()
    traced.client.get(path)
    told = traced.told()
    assert [route] == [one["url.path"] for one in told if "url.path" in one]
    assert {HIDDEN} >= {one["url.query"] for one in told if "url.query" in one}
    assert SECRET not in str(told)


@pytest.mark.parametrize("path", [f"/verifi?token={SECRET}", f"/reset/{SECRET}", f"/%2F?{SECRET}"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "elsewhere.example"])
def test_an_address_nobody_knows_is_not_told_by_a_trace(path: str, host: str) -> None:
    """It may be a mailed link with a mistake in it, or one that came under another name."""
    traced = Traced(service=True)
    assert traced.client.get(path, headers={"host": host}).status_code in (400, 404, 421)
    told = traced.told()
    assert [HIDDEN] == [one["url.path"] for one in told if "url.path" in one]
    assert SECRET not in str(told)


def test_no_provider_is_configured_by_us() -> None:
    """Who imports Gatepost decides alone where traces go."""
    assert type(get_tracer_provider()).__name__ == "ProxyTracerProvider"
