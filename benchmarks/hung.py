"""Register while the mail server hangs, beside register while it is healthy."""

from benchmarks.ceiling import ceiling
from benchmarks.figures import Aim, Figure, Kind, Measure, Result, percentile
from benchmarks.load import paced, registrations, saturate
from benchmarks.places import gatepost, workplace
from benchmarks.processes import Process, hung_mail_server
from benchmarks.sink import start_sink

SHARE_OF_CEILING = 0.4
SLICE = 25  # registrations with one service before it is the other's turn: about a second
TITLE = "Register with the mail server hung beside healthy"


def run(quick: bool, kind: Kind) -> Result:
    """Measure pairs; within each the two services take turns, so that other work on the machine meets both alike."""
    pairs, slices = (2, 3) if quick else (6, 12)
    per_s = SHARE_OF_CEILING * ceiling(1.0 if quick else 4.0).per_s
    p50: dict[str, list[float]] = {"healthy": [], "hung": []}
    p99: dict[str, list[float]] = {"healthy": [], "hung": []}
    with (
        workplace(kind) as place,
        hung_mail_server() as silent,
        start_sink(place.folder) as sink,
        gatepost(place, sink.port, name="healthy") as healthy,
        gatepost(place, silent, name="hung") as hung,
    ):
        services = {"healthy": healthy, "hung": hung}
        for service in services.values():
            saturate(service.port, registrations("warm"), total=60, connections=16).must_all_be(202)
        for number in range(pairs):
            for name, latencies in _pair(services, number, slices, per_s).items():
                p50[name].append(percentile(latencies, 50))
                p99[name].append(percentile(latencies, 99))
    ratios = [slow / well for slow, well in zip(p99["hung"], p99["healthy"], strict=True)]
    figures = [
        Figure.of(f"Gatepost, mail server {name}: register {label}", "ms", values[name])
        for name in services
        for label, values in (("p50", p50), ("p99", p99))
    ]
    ratio = Figure.of("p99 hung ÷ healthy, each pair", "", ratios)
    notes = [
        f"{slices * SLICE} registrations with each in a pair, in turns of {SLICE}, sent at fixed instants at"
        f" {SHARE_OF_CEILING:.0%} of the argon2 ceiling ({per_s:.0f} a second), counted from the instant each was due.",
        "Hung: connections are established and nobody says a word; all 16 slots wait. With the cores saturated the"
        " hung server would even look better, because no mail takes CPU: so they are not.",
        "The aim is 1.05; beyond 1.2 somebody should look.",
    ]
    return Result("hung", TITLE, figures, [(ratio, Aim("≤", 1.05)), (ratio, Aim("≤", 1.2))], notes)


def _pair(services: dict[str, Process], number: int, slices: int, per_s: float) -> dict[str, list[float]]:
    latencies: dict[str, list[float]] = {name: [] for name in services}
    for turn in range(slices):
        for name in services if turn % 2 == 0 else reversed(services):
            requests = registrations(f"p{number}-{turn}-")
            load = paced(services[name].port, requests, total=SLICE, per_s=per_s).must_all_be(202)
            latencies[name] += load.latencies_ms
    return latencies


MEASURE = Measure("hung", TITLE, run)
