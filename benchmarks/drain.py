"""A full outbox goes out: from the start of the service to the last `accepted` that is on the disk.

`python -m benchmarks.drain sqlite|postgresql COUNT [gatepost|aiosmtplib]` does it once, into the sink.
"""

import sys
from dataclasses import dataclass

from benchmarks.load import registrations, saturate
from benchmarks.places import CHEAP_HASH, Place, gatepost, workplace
from benchmarks.processes import EventLog, hung_mail_server
from benchmarks.sink import start_sink

CONNECTIONS = 16
TIMEOUT_S = 120.0
ONE_MESSAGE_EACH = {**CHEAP_HASH, "GATEPOST_WELCOME": "off", "GATEPOST_WORKER_SLOTS": str(CONNECTIONS)}
FULL = "full"


@dataclass(frozen=True)
class Sending:
    """Messages a second, and the processor microseconds that each took, the database server's included."""

    per_s: float
    cpu_us: float

    @classmethod
    def of(cls, count: int, seconds: float, cpu_s: float) -> "Sending":
        """From totals."""
        return cls(count / seconds, cpu_s * 1e6 / count)


def fill(place: Place, total: int) -> None:
    """Make the database FULL, in which so many verification mails wait: registered while the mail server hung."""
    with hung_mail_server() as hung, gatepost(place, hung, ONE_MESSAGE_EACH, name=FULL) as service:
        saturate(service.port, registrations("full"), total=total, connections=32).must_all_be(202)


def drain(place: Place, mail_port: int, count: int, *, padded: bool = True, client: str = "gatepost") -> Sending:
    """Start the service with a copy of FULL, and wait until `count` messages are accepted.

    Args:
        place: where FULL is.
        mail_port: of the sink, or of a relay to it.
        count: at most as many as FULL has; the service is stopped while it sends the rest.
        padded: with the mail of 13 KB.
        client: GATEPOST_SMTP_CLIENT.
    """
    place.copy(FULL, "copy")
    environ = {**ONE_MESSAGE_EACH, "GATEPOST_SMTP_CLIENT": client, "BENCH_TOTAL": str(count)}
    before_s = place.database_cpu_s()
    with gatepost(place, mail_port, environ, watched=True, padded=padded, name="copy") as service:
        took = EventLog(service.log_path).wait_for_drained(TIMEOUT_S)
        server_s = place.database_cpu_s() - before_s
    place.drop("copy")
    return Sending.of(count, took["seconds"], took["cpu_s"] + server_s)


def main(kind: str, count: int, client: str = "gatepost") -> None:
    """Drain once and print it."""
    assert kind in ("sqlite", "postgresql")
    with workplace(kind) as place, start_sink(place.folder) as sink:
        fill(place, count)
        one = drain(place, sink.port, count, client=client)
    print(f"{one.per_s:,.0f} messages a second, {one.cpu_us:,.0f} µs of CPU each")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
