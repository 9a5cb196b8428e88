"""Messages a second into one sink: with a durable status, beside the sink's own limit and beside fastapi-mail."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.figures import Aim, Figure, Kind, Measure, Result
from benchmarks.load import registrations, saturate
from benchmarks.padded import composer
from benchmarks.places import CHEAP_HASH, Place, gatepost, workplace
from benchmarks.processes import ROOT, EventLog, Process, hung_mail_server, instant_s, peer
from benchmarks.sink import sink_name, start_sink
from gatepost.settings import Settings
from gatepost.transport.dialogue import on_the_wire

CONNECTIONS = 16
ONE_MESSAGE_EACH = {**CHEAP_HASH, "GATEPOST_WELCOME": "off", "GATEPOST_WORKER_SLOTS": str(CONNECTIONS)}
TIMEOUT_S = 120.0
TITLE = "Messages a second into one sink"
LIMIT, IN_TURN = "limit: pre-composed bytes, pipelined", "pre-composed bytes, waiting for each 354"
WAITING, REAL = "Gatepost: waiting messages, 13 KB", "Gatepost: waiting messages, the real mail"
REQUESTED, PEER = "Gatepost: from request to status, 13 KB", "fastapi-mail in BackgroundTasks, 13 KB"


def run(quick: bool, kind: Kind) -> Result:
    """Alternate over everybody, several rounds, all into the same sink process."""
    rounds, total, bytes_total = (1, 400, 4_000) if quick else (3, 2_000, 40_000)
    rates: dict[str, list[float]] = {name: [] for name in (LIMIT, IN_TURN, WAITING, REAL, REQUESTED, PEER)}
    sizes = {padded: _message(padded) for padded in (True, False)}
    with workplace(kind) as place, start_sink(place.folder) as sink:
        for number in range(rounds):
            rates[LIMIT].append(_raw(sink, sizes[True], bytes_total, "pipelined"))
            rates[IN_TURN].append(_raw(sink, sizes[True], bytes_total, "in_turn"))
            rates[WAITING].append(_drained(place, sink, f"w{number}", total, padded=True))
            rates[PEER].append(_fastapi_mail(place, sink, total))
            rates[REAL].append(_drained(place, sink, f"r{number}", total, padded=False))
            rates[REQUESTED].append(_requested(place, sink, f"q{number}", total))
    figures = [Figure.of(name, "messages a second", values) for name, values in rates.items()]
    judged = [
        (_ratio(rates, WAITING, LIMIT, "waiting messages ÷ limit"), Aim("≥", 0.25)),
        (_ratio(rates, REQUESTED, PEER, "from request to status ÷ fastapi-mail"), Aim("≥", 20)),
        (_ratio(rates, WAITING, PEER, "waiting messages ÷ fastapi-mail"), Aim("≥", 20)),
        (_ratio(rates, WAITING, IN_TURN, "waiting messages ÷ bytes waiting for 354"), None),
    ]
    notes = [
        f"Sink: {sink_name()}, one process for all. {total} messages a run, {bytes_total} of the pre-composed ones;"
        f" {CONNECTIONS} connections (fastapi-mail opens one for each message).",
        f"The verification mail, padded to {len(sizes[True]):,} bytes; the real one has {len(sizes[False]):,}.",
        "Waiting messages: registered while the mail server hung, then the service is started again before the sink:"
        " from its start to the last status that is on the disk.",
        "From request to status: as many registrations (32 connections) as the peer gets requests, from the first"
        " request to the last status; ours store account, token and message first, with a cheap password hash (8 KiB,"
        " one pass), the peer stores nothing and hashes nothing.",
    ]
    return Result("mail", TITLE, figures, judged, notes)


def _ratio(rates: dict[str, list[float]], ours: str, theirs: str, what: str) -> Figure:
    return Figure.of(what, "", [one / other for one, other in zip(rates[ours], rates[theirs], strict=True)])


def _message(padded: bool) -> bytes:
    """The verification mail as it goes over the line, final dot included."""
    settings = Settings.load({"GATEPOST_SENDER": "Gatepost <no-reply@gatepost.example>"}, Path("/nonexistent.toml"))
    composed = composer(settings, padded=padded).compose(
        template="verification",
        locale="en",
        recipient="ada@example.com",
        message_id="<0123456789abcdef0123456789abcdef@gatepost.example>",
        values={
            "name": "Ada",
            "link": "http://127.0.0.1:8000/verify?token=" + "a" * 64,
            "when": "2026-05-03 14:02 UTC",
        },
        now_ms=int(time.time() * 1000),
    )
    return on_the_wire(composed.content)


def _raw(sink: Process, message: bytes, total: int, how: str) -> float:
    command = [sys.executable, "-m", "benchmarks.limit", str(sink.port), str(total), str(CONNECTIONS), how]
    done = subprocess.run(command, cwd=ROOT, input=message, check=True, stdout=subprocess.PIPE, timeout=TIMEOUT_S)
    return float(done.stdout)


def _drained(place: Place, sink: Process, name: str, total: int, *, padded: bool) -> float:
    with hung_mail_server() as hung, gatepost(place, hung, ONE_MESSAGE_EACH, name=name) as service:
        saturate(service.port, registrations(name), total=total, connections=32).must_all_be(202)
    with gatepost(place, sink.port, ONE_MESSAGE_EACH, padded=padded, name=name) as service:
        accepted = EventLog(service.log_path).wait_for_accepted(total, TIMEOUT_S)
        started = next(line for line in service.log_path.read_text().splitlines() if '"service_started"' in line)
    return total / (instant_s(accepted[-1]) - instant_s(json.loads(started)))


def _requested(place: Place, sink: Process, name: str, total: int) -> float:
    with gatepost(place, sink.port, ONE_MESSAGE_EACH, padded=True, name=name) as service:
        log = EventLog(service.log_path)
        saturate(service.port, registrations("warm"), total=50, connections=8).must_all_be(202)
        log.wait_for_accepted(50, TIMEOUT_S)
        log.skip()
        load = saturate(service.port, registrations(name), total=total, connections=32).must_all_be(202)
        accepted = log.wait_for_accepted(total, TIMEOUT_S)
    return total / (instant_s(accepted[-1]) - load.began_at_s)


def _fastapi_mail(place: Place, sink: Process, total: int) -> float:
    with peer("fastapi_mail", place.folder, sink.port, "padded") as app:
        saturate(app.port, registrations("warm"), total=50, connections=8).must_all_be(202)
        wait_for_sent(app, 50)
        load = saturate(app.port, registrations("m"), total=total, connections=32).must_all_be(202)
        return total / (float(wait_for_sent(app, total + 50)["last_at_s"]) - load.began_at_s)


def wait_for_sent(app: Process, count: int) -> dict[str, Any]:
    """Wait until the peer sent `count` mails, and return what it knows.

    Raises:
        RuntimeError: it took too long, or some were lost.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{app.port}/sent", timeout=TIMEOUT_S) as answer:
            known: dict[str, Any] = json.load(answer)
        if known["sent"] >= count:
            return known
        if known["sent"] + known["failed"] >= count or time.monotonic() > deadline:
            raise RuntimeError(f"fastapi-mail: {known['sent']} sent, {known['failed']} failed of {count}")
        time.sleep(0.1)


MEASURE = Measure("mail", TITLE, run)
