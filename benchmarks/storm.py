"""GET /healthz while 500 registrations are in flight, beside the usual ways to hash a password in FastAPI."""

import json
import subprocess
import sys

from benchmarks.figures import Aim, Figure, Kind, Measure, Result, percentile
from benchmarks.load import registrations, saturate, saturate_for
from benchmarks.places import Place, gatepost, workplace
from benchmarks.processes import ROOT, Process, peer
from benchmarks.sink import start_sink

IN_FLIGHT = 500
TITLE = "GET /healthz in a storm of registrations"


def run(quick: bool, kind: Kind) -> Result:
    """Alternate over the servers: idle and storm of each, several rounds."""
    rounds, seconds = (1, 2.0) if quick else (5, 5.0)
    names = ("Gatepost", "hash in anyio's threads (def endpoint)", "hash on the loop (async def endpoint)")
    idle: dict[str, list[float]] = {name: [] for name in names}
    storm: dict[str, list[float]] = {name: [] for name in names}
    memory: dict[str, list[float]] = {name: [] for name in names}
    with workplace(kind) as place, start_sink(place.folder) as sink:
        for number in range(rounds):
            for name in names:
                with _start(name, place, sink, number) as server:
                    saturate(server.port, registrations("warm"), total=20, connections=4)
                    idle[name].append(percentile(_probe(server, seconds / 2), 99))
                    storm[name].append(_storm(server, seconds))
                    memory[name].append(server.rss_mib())
    figures = [Figure.of(f"{name}: p99 in the storm", "ms", storm[name]) for name in names]
    figures += [Figure.of(f"{name}: p99 idle", "ms", idle[name]) for name in names]
    figures += [Figure.of(f"{name}: memory after the storm", "MiB", memory[name]) for name in names]
    ours = Figure.of("Gatepost: GET /healthz p99 in the storm", "ms", storm[names[0]])
    beside = Figure.of("… beside its own p99 idle", "×", [s / i for s, i in zip(storm[names[0]], idle[names[0]])])  # noqa: B905
    notes = [
        f"{IN_FLIGHT} registrations in flight on as many connections, default argon2; asked every 10 ms by a process"
        " of its own, over one connection.",
        "Gatepost writes to its database and mails meanwhile; the peers only hash. Hashing on the loop leaves few"
        " answers to count: there the p99 is the slowest.",
    ]
    return Result("storm", TITLE, figures, [(ours, Aim("≤", 10)), (beside, None)], notes)


def _start(name: str, place: Place, sink: Process, number: int) -> Process:
    if name == "Gatepost":
        return gatepost(place, sink.port, name=f"storm{number}")
    return peer("hashing", place.folder, "loop" if "loop" in name else "threads")


def _storm(server: Process, seconds: float) -> float:
    command = [sys.executable, "-m", "benchmarks.probe", str(server.port), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as probe:
        saturate_for(server.port, registrations("storm"), seconds=seconds + 1, connections=IN_FLIGHT)
        output, _ = probe.communicate(timeout=90)
    return percentile(json.loads(output), 99)


def _probe(server: Process, seconds: float) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.probe", str(server.port), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=90)
    return [float(one) for one in json.loads(done.stdout)]


MEASURE = Measure("storm", TITLE, run)
