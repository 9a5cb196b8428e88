"""A program: the service with a provider for its process, as an operator sets one up; prints the spans of one sign-up.

A process has one provider for good, so the tests' own process must not have it.
"""

import json
import sys
import threading
from pathlib import Path

from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_tracer_provider

from gatepost.app import Gatepost, create_app
from gatepost.events import Event, Events, MessageAccepted
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport

DEADLINE_S = 20.0


def main(folder: Path) -> None:
    """Sign up once and wait for the message."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    set_tracer_provider(provider)
    accepted, events = threading.Event(), Events()
    settings = Settings(database_url=f"sqlite:///{folder}/gatepost.db", argon2_memory_kib=8, argon2_time_cost=1)
    app = create_app(Gatepost(settings, events=events, transport=MemoryTransport()))

    def listen(event: Event) -> None:
        if isinstance(event, MessageAccepted) and event.template == "verification":
            accepted.set()

    events.subscribe(listen)
    with TestClient(app, base_url=settings.public_url) as client:
        given = {"email": "mira@example.com", "password": "seven lanterns by the tide", "name": "Mira"}
        assert client.post("/auth/register", json=given).status_code == 202
        assert accepted.wait(DEADLINE_S)
    spans = [one for one in exporter.get_finished_spans() if one.kind in (SpanKind.SERVER, SpanKind.CLIENT)]
    told = [
        {"name": one.name, "trace": one.context.trace_id, "links": [link.context.trace_id for link in one.links]}
        for one in spans
    ]
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
