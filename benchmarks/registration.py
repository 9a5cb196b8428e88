"""Sign-ups a second beside the argon2 ceiling of the same cores in the same run."""

from dataclasses import dataclass
from itertools import pairwise

from benchmarks.ceiling import MEMORY_KIB, PARALLELISM, TIME_COST, Ceiling, ceiling
from benchmarks.figures import Aim, Figure, Kind, Measure, Result, percentile
from benchmarks.load import Load, registrations, saturate
from benchmarks.places import Place, gatepost, workplace
from benchmarks.processes import Process, hung_mail_server
from benchmarks.sink import sink_name, start_sink

CONNECTIONS = 32
TITLE = "Sign-ups a second beside the argon2 ceiling"
IDLE, FLOWING = "worker idle", "mail flowing"


@dataclass(frozen=True)
class _Storm:
    """One run against one service, and the ceiling just before and after it."""

    load: Load
    cpu_ms: float  # of the service and its database server, for one sign-up
    around: tuple[Ceiling, Ceiling]

    @property
    def by_the_clock(self) -> float:
        return self.load.rate / ((self.around[0].per_s + self.around[1].per_s) / 2)

    @property
    def by_cpu(self) -> float:
        return (self.around[0].cpu_ms + self.around[1].cpu_ms) / 2 / self.cpu_ms


def run(quick: bool, kind: Kind) -> Result:
    """Alternate: ceiling, worker idle, ceiling, mail flowing, ceiling, …; each run is compared with its neighbours."""
    rounds, total, ceiling_s = (2, 150, 1.5) if quick else (6, 500, 4.0)
    with (
        workplace(kind) as place,
        hung_mail_server() as hung,
        start_sink(place.folder) as sink,
        gatepost(place, hung, name="idle") as idle,
        gatepost(place, sink.port, name="flowing") as flowing,
    ):
        services = {IDLE: idle, FLOWING: flowing}
        for service in services.values():
            saturate(service.port, registrations("warm"), total=60, connections=CONNECTIONS).must_all_be(202)
        ceilings = [ceiling(ceiling_s)]
        loads: list[tuple[str, Load, float]] = []
        for number in range(rounds):
            for name, service in services.items():
                loads.append((name, *_storm(place, service, number, total)))
                ceilings.append(ceiling(ceiling_s))
    storms: dict[str, list[_Storm]] = {IDLE: [], FLOWING: []}
    for (name, load, cpu_ms), around in zip(loads, pairwise(ceilings), strict=True):
        storms[name].append(_Storm(load, cpu_ms, around))
    return Result("registration", TITLE, _figures(ceilings, storms), _judged(storms), _notes())


def _storm(place: Place, service: Process, number: int, total: int) -> tuple[Load, float]:
    before = service.cpu_s() + place.database_cpu_s()
    requests = registrations(f"r{number}-")
    load = saturate(service.port, requests, total=total, connections=CONNECTIONS).must_all_be(202)
    return load, (service.cpu_s() + place.database_cpu_s() - before) * 1000 / total


def _figures(ceilings: list[Ceiling], storms: dict[str, list[_Storm]]) -> list[Figure]:
    figures = [Figure.of("argon2 alone, the ceiling", "a second", [one.per_s for one in ceilings])]
    figures += [Figure.of(f"Gatepost, {name}", "a second", [one.load.rate for one in storms[name]]) for name in storms]
    for name in storms:
        for percent in (50, 99):
            values = [percentile(one.load.latencies_ms, percent) for one in storms[name]]
            figures.append(Figure.of(f"Gatepost, {name}: register p{percent}", "ms", values))
    figures.append(Figure.of("argon2 alone: CPU for a hash", "ms of CPU", [one.cpu_ms for one in ceilings]))
    for name in storms:
        values = [one.cpu_ms for one in storms[name]]
        figures.append(Figure.of(f"Gatepost, {name}: CPU for a sign-up", "ms of CPU", values))
    clients = [one.load.client_cpu * 100 for name in storms for one in storms[name]]
    return [*figures, Figure.of("load client's CPU", "% of a core", clients)]


def _judged(storms: dict[str, list[_Storm]]) -> list[tuple[Figure, Aim | None]]:
    idle, flowing, aim = storms[IDLE], storms[FLOWING], Aim("≥", 0.85)
    return [
        (Figure.of(f"sign-ups ÷ ceiling, {IDLE}", "", [one.by_the_clock for one in idle]), aim),
        (Figure.of(f"sign-ups ÷ ceiling, {FLOWING}", "", [one.by_the_clock for one in flowing]), None),
        (Figure.of(f"CPU of a hash ÷ CPU of a sign-up, {IDLE}", "", [one.by_cpu for one in idle]), aim),
        (Figure.of(f"CPU of a hash ÷ CPU of a sign-up, {FLOWING}", "", [one.by_cpu for one in flowing]), None),
    ]


def _notes() -> list[str]:
    return [
        f"argon2id {MEMORY_KIB} KiB, {TIME_COST} passes, {PARALLELISM} lane; {CONNECTIONS} kept connections,"
        " closed loop; a verification and a welcome message for each sign-up.",
        "The ratio of CPU times says the same as the one by the clock on a quiet machine, and still holds where other"
        " work takes part of the cores.",
        "Worker idle: the mail server takes connections and never says a word, so all slots are taken by hung attempts"
        " and no mail flows, while the service runs exactly as shipped.",
        f"Mail flowing: into {sink_name()} in a process of its own, on the same cores, as are the client and the mail.",
        "Latency here is queueing: with so many in flight, each waits for the hashes before it.",
    ]


MEASURE = Measure("registration", TITLE, run)
