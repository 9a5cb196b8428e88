"""From the promise to the accepted mail when one person at a time signs up."""

from benchmarks.figures import Aim, Figure, Kind, Measure, Result, percentile
from benchmarks.load import paced, registrations, saturate
from benchmarks.mail import wait_for_sent
from benchmarks.places import gatepost, workplace
from benchmarks.processes import EventLog, Process, peer
from benchmarks.sink import sink_name, start_sink

PER_S = 10.0
TITLE = "From commit to accepted at low load"


def run(quick: bool, kind: Kind) -> Result:
    """Alternate: one registration at a time with Gatepost, one request at a time with fastapi-mail."""
    rounds, total = (1, 30) if quick else (5, 100)
    ours_p50, ours_p99, peer_p50, peer_p99, answers = [], [], [], [], []
    with (
        workplace(kind) as place,
        start_sink(place.folder) as sink,
        gatepost(place, sink.port) as service,
        peer("fastapi_mail", place.folder, sink.port, "real") as app,
    ):
        log = EventLog(service.log_path)
        saturate(service.port, registrations("warm"), total=20, connections=2).must_all_be(202)
        log.wait_for_accepted(40, 30)
        sent = 0
        for number in range(rounds):
            waits, answer = _ours(service, log, number, total)
            ours_p50.append(percentile(waits, 50))
            ours_p99.append(percentile(waits, 99))
            answers.append(answer)
            sent += total
            waits = _theirs(app, number, total, sent)
            peer_p50.append(percentile(waits, 50))
            peer_p99.append(percentile(waits, 99))
    p50 = Figure.of("Gatepost: commit to durable `accepted`, p50", "ms", ours_p50)
    figures = [
        p50,
        Figure.of("Gatepost: commit to durable `accepted`, p99", "ms", ours_p99),
        Figure.of("fastapi-mail: answer to sent (no status), p50", "ms", peer_p50),
        Figure.of("fastapi-mail: answer to sent (no status), p99", "ms", peer_p99),
        Figure.of("Gatepost: the answer itself, p50", "ms", answers),
    ]
    notes = [
        f"{total} registrations a run, {PER_S:.0f} a second, into {sink_name()}; the verification mail only (the"
        " welcome goes beside it).",
        "Ours counts whole milliseconds (`since_enqueued_ms`) from just before the transaction that promises the mail"
        " to just after the one that stores its acceptance: four commits, each synced to the disk.",
    ]
    return Result("low_load", TITLE, figures, [(p50, Aim("≤", 5))], notes)


def _ours(service: Process, log: EventLog, number: int, total: int) -> tuple[list[float], float]:
    log.skip()
    load = paced(service.port, registrations(f"l{number}-"), total=total, per_s=PER_S).must_all_be(202)
    lines = log.wait_for_accepted(2 * total, 30)
    waits = [float(line["since_enqueued_ms"]) for line in lines if line["template"] == "verification"]
    return waits, percentile(load.latencies_ms, 50)


def _theirs(app: Process, number: int, total: int, sent: int) -> list[float]:
    paced(app.port, registrations(f"l{number}-"), total=total, per_s=PER_S).must_all_be(202)
    took = wait_for_sent(app, sent)["took_ms"]
    return [float(one) for one in took[-total:]]


MEASURE = Measure("low_load", TITLE, run)
