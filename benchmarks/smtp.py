"""Messages a second and CPU for each, into one sink: the outbox, its two clients, and how others send.

Then the same over a line with a round trip of 40 ms, where waiting is what costs.
"""

from collections.abc import Mapping

from benchmarks.drain import CONNECTIONS, Sending, fill
from benchmarks.figures import Aim, Figure, Kind, Measure, Result
from benchmarks.places import workplace
from benchmarks.processes import relay
from benchmarks.senders import (
    AWAY,
    BACKGROUND,
    CLIENT,
    EACH,
    IN_TURN,
    LIMIT,
    LISTS,
    MAILER,
    NEW,
    OUTBOX,
    OVER,
    POOL,
    POST_OFFICE,
    REQUESTED,
    far,
    fill_queues,
    message,
    near,
    round_trip_ms,
)
from benchmarks.sink import sink_name, start_sink

TITLE = "Messages a second into one sink, and CPU for each"
ROUND_TRIP_MS = 40

Done = Mapping[str, list[Sending]]


def run(quick: bool, kind: Kind) -> Result:
    """Alternate over everybody, several rounds, all into the same sink process."""
    rounds, many, few, away = (1, 400, 100, 160) if quick else (3, 3_000, 600, 600)
    done: dict[str, list[Sending]] = {}
    trips_ms = []
    with (
        workplace(kind) as place,
        start_sink(place.folder) as sink,
        relay(place.folder, sink.port, ROUND_TRIP_MS) as line,
    ):
        fill(place, many)
        fill_queues(place, few)
        senders = {**near(place, sink.port, many=many, few=few), **far(place, line.port, count=away)}
        for _ in range(rounds):
            trips_ms.append(round_trip_ms(line.port))
            for name, send in senders.items():
                done.setdefault(name, []).append(send())
    trip = Figure.of("the long line: a command and its reply", "ms", trips_ms)
    return Result("smtp", TITLE, [*_figures(done), trip], _judged(done), _notes(many, few, away))


def _figures(done: Done) -> list[Figure]:
    near_ones = [name for name in done if not name.endswith(AWAY)]
    far_unit = f"messages a second, {ROUND_TRIP_MS} ms away"
    return [
        *(Figure.of(name, "messages a second", [one.per_s for one in done[name]]) for name in near_ones),
        *(Figure.of(name, far_unit, [one.per_s for one in done[name]]) for name in done if name.endswith(AWAY)),
        *(Figure.of(f"{name}: CPU", "µs of CPU a message", [one.cpu_us for one in done[name]]) for name in near_ones),
    ]


def _judged(done: Done) -> list[tuple[Figure, Aim | None]]:
    quarter, twenty, double, keep = Aim("≥", 0.25), Aim("≥", 20), Aim("≥", 2), Aim("≥", 1.8)
    under, alone = "our client ÷ aiosmtplib, under the same outbox", "our client ÷ aiosmtplib, both alone"
    return [
        (_rate(done, OUTBOX, LIMIT, "waiting messages ÷ limit"), quarter),
        (_rate(done, OUTBOX, EACH, "waiting messages ÷ fastapi-mail, a connection each"), twenty),
        (_rate(done, OUTBOX, LISTS, "waiting messages ÷ fastapi-mail, lists over kept connections"), None),
        (_rate(done, OUTBOX, POST_OFFICE, "waiting messages ÷ django-post_office"), None),
        (_rate(done, OUTBOX, MAILER, "waiting messages ÷ django-mailer"), None),
        (_rate(done, REQUESTED, BACKGROUND, "from request to status ÷ fastapi-mail in BackgroundTasks"), twenty),
        (_rate(done, OUTBOX, IN_TURN, "waiting messages ÷ bytes waiting for 354"), None),
        (_rate(done, OUTBOX, OVER, under), double),
        (_rate(done, OUTBOX, OVER, under), keep),
        (_rate(done, CLIENT, POOL, alone), None),
        (_rate(done, OUTBOX + AWAY, OVER + AWAY, f"far away: {under}"), double),
        (_rate(done, OUTBOX + AWAY, OVER + AWAY, f"far away: {under}"), keep),
        (_rate(done, CLIENT + AWAY, POOL + AWAY, f"far away: {alone}"), None),
        (_rate(done, OUTBOX + AWAY, NEW + AWAY, "far away: waiting messages ÷ a connection each"), None),
        *((_cpu(done, OUTBOX, other), None) for other in (OVER, EACH, LISTS, POST_OFFICE, MAILER)),
        (_cpu(done, CLIENT, POOL), None),
    ]


def _rate(done: Done, ours: str, theirs: str, what: str) -> Figure:
    pairs = zip(done[ours], done[theirs], strict=True)
    return Figure.of(what, "", [one.per_s / other.per_s for one, other in pairs])


def _cpu(done: Done, ours: str, theirs: str) -> Figure:
    pairs = zip(done[ours], done[theirs], strict=True)
    return Figure.of(f"CPU: {ours} ÷ {theirs}", "", [one.cpu_us / other.cpu_us for one, other in pairs])


def _notes(many: int, few: int, away: int) -> list[str]:
    padded, real = len(message(padded=True)), len(message(padded=False))
    return [
        f"Sink: {sink_name()}, one process for all. Everybody sends the verification mail, padded to {padded:,} bytes"
        f" (the real one has {real:,}), over {CONNECTIONS} connections at a time, where nothing else is said."
        f" Messages a run: {10 * many:,} pre-composed; {many:,} by Gatepost and by clients alone that keep"
        f" connections; {few:,} by the others; far away {away:,}, {away // 2:,} by clients alone,"
        f" {away // 6:,} with a connection each.",
        "Gatepost, waiting messages: registered while the mail server hung; the service is started again on a copy of"
        " that database: from its start to the last status that is on the disk. 16 slots, everything else as shipped."
        " Over aiosmtplib: the same with GATEPOST_SMTP_CLIENT=aiosmtplib.",
        "From request to status: as many registrations (32 connections) as the peer gets requests, from the first"
        " request to the last status; ours store account, token and message first, with a cheap password hash (8 KiB,"
        " one pass); the peer stores nothing, hashes nothing and keeps no status. Here CPU includes the requests.",
        "CPU: of the sending process, all threads, without its start, plus that of the database server.",
        "fastapi-mail: `send_message` for each message, 16 at a time, no application around it, the template rendered"
        " once before; it opens a connection each time. Lists: one `send_message([…])` for each of 16 connections,"
        " which sends the list over it. In BackgroundTasks: in a FastAPI endpoint, as its documentation shows. No"
        " status anywhere.",
        "django-post_office: queued by `send_many`, sent by `send_queued_mail --processes 2`, BATCH_SIZE 1000,"
        " THREADS_PER_PROCESS 8 (a kept connection for each thread of a batch), LOG_LEVEL 1; its status is stored once"
        " for each process and batch. django-mailer: queued by `send_html_mail`, sent by `send_mail`: one process, one"
        " message and one connection after the other, each status committed. Both on SQLite in WAL mode, every commit"
        " synced. Their command sends messages that wait, so it compares with ours.",
        "Alone: pre-composed bytes, no outbox, no status. aiosmtplib: 16 `SMTP` objects that stay connected,"
        " `sendmail`. smtplib: 16 threads, `sendmail`, over a kept connection or a new one each. Our client alone:"
        " `SmtpTransport` with a mark that is durable at once; as in the outbox, a connection is replaced after 100"
        " messages.",
        f"Far away: through a relay of our own that keeps every byte {ROUND_TRIP_MS // 2} ms on its way, each"
        " direction, in order, at any speed; a new connection waits for its handshake. It is a Python process on the"
        " same cores. One command at a time, a message takes four round trips, pipelined two: 2 is all there is to"
        " gain.",
    ]


MEASURE = Measure("smtp", TITLE, run)
