"""From the commit that promises a mail to its durable `accepted`, when one person at a time signs up."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import Aim, Figure, Kind, Measure, Result, percentile
from benchmarks.load import paced, registrations, saturate
from benchmarks.places import gatepost, workplace
from benchmarks.processes import EventLog, Process, peer
from benchmarks.senders import wait_for_sent
from benchmarks.sink import sink_name, start_sink

PER_S = 10.0
TITLE = "From commit to accepted at low load"


@dataclass
class _Waits:
    """Milliseconds of each round: what half of the messages, or all but one in a hundred, did not exceed."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)

    def add(self, waits: list[float]) -> None:
        self.p50.append(percentile(waits, 50))
        self.p99.append(percentile(waits, 99))


def run(quick: bool, kind: Kind) -> Result:
    """Alternate: one registration at a time with Gatepost, one request at a time with fastapi-mail."""
    rounds, total = (1, 30) if quick else (5, 100)
    ours, asked, theirs, answers = _Waits(), _Waits(), _Waits(), _Waits()
    with (
        workplace(kind) as place,
        start_sink(place.folder) as sink,
        gatepost(place, sink.port, watched=True) as service,
        peer("fastapi_mail", place.folder, sink.port, "real") as app,
    ):
        log = EventLog(service.log_path)
        saturate(service.port, registrations("warm"), total=20, connections=2).must_all_be(202)
        log.wait_for_accepted(40, 30)
        for number in range(rounds):
            witnessed, latencies = _ours(service, log, number, total)
            ours.add([float(one["ms"]) for one in witnessed])
            asked.add([float(one["since_enqueued_ms"]) for one in witnessed])
            answers.add(latencies)
            theirs.add(_theirs(app, number, total, (number + 1) * total))
    p50 = Figure.of("Gatepost: commit to durable `accepted`, p50", "ms", ours.p50)
    figures = [
        p50,
        Figure.of("Gatepost: commit to durable `accepted`, p99", "ms", ours.p99),
        Figure.of("Gatepost: the same from before that transaction, p50", "ms", asked.p50),
        Figure.of("fastapi-mail: answer to sent (no status), p50", "ms", theirs.p50),
        Figure.of("fastapi-mail: answer to sent (no status), p99", "ms", theirs.p99),
        Figure.of("Gatepost: the answer itself, p50", "ms", answers.p50),
    ]
    notes = [
        f"{total} registrations a run, {PER_S:.0f} a second, into {sink_name()}; the verification mail only (the"
        " welcome goes beside it).",
        "Ours begins where the log says `registration_received`, which is when the process knows that the commit which"
        " promises the mail is durable, and ends where it says `message_accepted`, once the commit that stores the"
        " acceptance is durable: three commits, each synced to the disk. A subscriber to the same events reads a finer"
        " clock than the log's milliseconds. The answer to the request goes out in between.",
        "From before that transaction: `since_enqueued_ms` of the log, whole milliseconds; what older tables showed.",
    ]
    return Result("low_load", TITLE, figures, [(p50, Aim("≤", 5))], notes)


def _ours(service: Process, log: EventLog, number: int, total: int) -> tuple[list[dict[str, Any]], list[float]]:
    log.skip()
    load = paced(service.port, registrations(f"l{number}-"), total=total, per_s=PER_S).must_all_be(202)
    log.wait_for_accepted(2 * total, 30)
    if len(log.witnessed) != total:
        raise RuntimeError(f"{len(log.witnessed)} verification mails were witnessed, not {total}")
    return log.witnessed.copy(), load.latencies_ms


def _theirs(app: Process, number: int, total: int, sent: int) -> list[float]:
    paced(app.port, registrations(f"l{number}-"), total=total, per_s=PER_S).must_all_be(202)
    took = wait_for_sent(app, sent)["took_ms"]
    return [float(one) for one in took[-total:]]


MEASURE = Measure("low_load", TITLE, run)
