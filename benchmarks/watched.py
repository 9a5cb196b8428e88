"""The service as `gatepost serve` runs it, with a witness: `python -m benchmarks.watched [padded]`.

The witness hears the same events as the log, and adds lines to standard error that begin with {"event": "witness_…":

- witness_drained, once BENCH_TOTAL messages are accepted: seconds and cpu_s (all threads) since `service_started`.
- witness_waited, for each verification mail: milliseconds from the commit that promised it to `message_accepted`. The
  commit's instant is that of `registration_received`, which follows as soon as the commit is known to be durable.
"""

import json
import os
import sys
import time
from typing import Any

from benchmarks.padded import composer
from gatepost.app import Gatepost
from gatepost.cli.listening import take_port
from gatepost.cli.serving import serve_on
from gatepost.events import Event, MessageAccepted, RegistrationReceived, ServiceStarted
from gatepost.parts import service_events
from gatepost.settings import Settings


class Witness:
    """Notes instants more finely than the log's milliseconds. Subscribe `on_event`."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._accepted = 0
        self._began, self._cpu = time.perf_counter(), time.process_time()
        self._committed: dict[str, float] = {}

    def on_event(self, event: Event) -> None:
        """Take note."""
        if isinstance(event, ServiceStarted):
            self._began, self._cpu = time.perf_counter(), time.process_time()
        elif isinstance(event, RegistrationReceived):
            self._committed[event.request_id] = time.perf_counter()
        elif isinstance(event, MessageAccepted):
            self._on_accepted(event)

    def _on_accepted(self, event: MessageAccepted) -> None:
        now = time.perf_counter()
        if event.template == "verification" and event.request_id is not None:
            committed = self._committed.pop(event.request_id, None)
            if committed is not None:
                _tell("witness_waited", ms=(now - committed) * 1000, since_enqueued_ms=event.since_enqueued_ms)
        self._accepted += 1
        if self._accepted == self._total:
            _tell("witness_drained", seconds=now - self._began, cpu_s=time.process_time() - self._cpu)


def _tell(event: str, **details: Any) -> None:
    os.write(2, json.dumps({"event": event, **details}).encode() + b"\n")


def main(*, padded: bool) -> None:
    """Serve as `gatepost serve` does."""
    settings = Settings.load()
    events = service_events()
    events.subscribe(Witness(int(os.environ.get("BENCH_TOTAL", "0"))).on_event)
    gatepost = Gatepost(settings, events=events)
    if padded:
        gatepost._composer = composer(settings, padded=True)
    serve_on(take_port(settings.host, settings.port), gatepost)


if __name__ == "__main__":
    main(padded="padded" in sys.argv[1:])
