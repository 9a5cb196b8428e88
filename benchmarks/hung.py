"""Register while the mail server hangs, beside register while it is healthy."""

from benchmarks.ceiling import ceiling
from benchmarks.figures import Aim, Figure, Measure, Result, percentile
from benchmarks.load import paced, registrations, saturate
from benchmarks.processes import Process, gatepost, hung_mail_server, workplace
from benchmarks.sink import start_sink

SHARE_OF_CEILING = 0.4
TITLE = "Register with the mail server hung beside healthy"


def run(quick: bool) -> Result:
    """Alternate pairs; who goes first alternates too."""
    pairs, total = (2, 60) if quick else (6, 300)
    per_s = SHARE_OF_CEILING * ceiling(1.0 if quick else 4.0).per_s
    p50: dict[str, list[float]] = {"healthy": [], "hung": []}
    p99: dict[str, list[float]] = {"healthy": [], "hung": []}
    with (
        workplace() as folder,
        hung_mail_server() as silent,
        start_sink(folder) as sink,
        gatepost(folder, sink.port, name="healthy") as healthy,
        gatepost(folder, silent, name="hung") as hung,
    ):
        services: list[tuple[str, Process]] = [("healthy", healthy), ("hung", hung)]
        for _, service in services:
            saturate(service.port, registrations("warm"), total=60, connections=16).must_all_be(202)
        for number in range(pairs):
            for name, service in services if number % 2 == 0 else reversed(services):
                requests = registrations(f"p{number}-")
                load = paced(service.port, requests, total=total, per_s=per_s).must_all_be(202)
                p50[name].append(percentile(load.latencies_ms, 50))
                p99[name].append(percentile(load.latencies_ms, 99))
    ratios = [slow / well for slow, well in zip(p99["hung"], p99["healthy"], strict=True)]
    figures = [
        Figure.of(f"Gatepost, mail server {name}: register {label}", "ms", values[name])
        for name in ("healthy", "hung")
        for label, values in (("p50", p50), ("p99", p99))
    ]
    ratio = Figure.of("p99 hung ÷ healthy, each pair", "", ratios)
    notes = [
        f"{total} registrations a run, sent at fixed instants at {SHARE_OF_CEILING:.0%} of the argon2 ceiling"
        f" ({per_s:.0f} a second), counted from the instant each was due.",
        "Hung: connections are established and nobody says a word; all 16 slots wait. With the cores saturated the"
        " hung server would even look better, because no mail takes CPU: so they are not.",
        "The aim is 1.05; beyond 1.2 somebody should look.",
    ]
    return Result("hung", TITLE, figures, [(ratio, Aim("≤", 1.05)), (ratio, Aim("≤", 1.2))], notes)


MEASURE = Measure("hung", TITLE, run)
