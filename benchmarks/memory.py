"""Memory while 10,000 messages wait behind a server that takes five seconds for each."""

import threading

from benchmarks.figures import Aim, Figure, Kind, Measure, Result
from benchmarks.load import Load, registrations, saturate
from benchmarks.places import CHEAP_HASH, gatepost, workplace
from benchmarks.processes import Process, peer
from benchmarks.sink import slow_sink

DELAY_S = 5.0
SAMPLE_S = 0.1
ENVIRON = {**CHEAP_HASH, "GATEPOST_WELCOME": "off"}
TITLE = "Memory for 10,000 waiting messages"


def run(quick: bool, kind: Kind) -> Result:
    """Measure ours and the peer's growth, one after the other, each in a fresh process."""
    rounds, total = (1, 1_000) if quick else (3, 10_000)
    ours, theirs, before = [], [], []
    for number in range(rounds):
        with (
            workplace(kind) as place,
            slow_sink(place.folder, delay_s=DELAY_S) as sink,
            gatepost(place, sink.port, ENVIRON) as service,
        ):
            grown, at_start = _growth(service, total, number)
            ours.append(grown)
            before.append(at_start)
        with (
            workplace(kind) as place,
            slow_sink(place.folder, delay_s=DELAY_S) as sink,
            peer("fastapi_mail", place.folder, sink.port, "real") as app,
        ):
            theirs.append(_growth(app, total, number)[0])
    growth = Figure.of("Gatepost: growth", "MiB", ours)
    figures = [
        growth,
        Figure.of("fastapi-mail in BackgroundTasks: growth", "MiB", theirs),
        Figure.of("Gatepost: before", "MiB", before),
    ]
    notes = [
        f"{total} registrations over 32 connections, then three seconds more; the largest resident memory seen, less"
        f" that before (after a warm-up of 300). The server takes {DELAY_S:.0f} s for each message.",
        "Ours stand in the outbox on the disk, 16 at a time in memory; the peer's are tasks with a connection each, as"
        " many as began in the last five seconds: some of its 10,000 are done before the last one comes.",
        "Cheap password hashes (8 KiB), which are not what is measured.",
    ]
    return Result("memory", TITLE, figures, [(growth, Aim("≤", 16))], notes)


def _growth(server: Process, total: int, number: int) -> tuple[float, float]:
    saturate(server.port, registrations("warm"), total=300, connections=32).must_all_be(202)
    before = largest = server.rss_mib()
    over = threading.Event()
    load: list[Load] = []

    def register() -> None:
        load.append(saturate(server.port, registrations(f"m{number}-"), total=total, connections=32))
        over.wait(3)
        over.set()

    thread = threading.Thread(target=register)
    thread.start()
    while not over.wait(SAMPLE_S):
        largest = max(largest, server.rss_mib())
        if not thread.is_alive():
            break
    thread.join()
    load[0].must_all_be(202)
    return largest - before, before


MEASURE = Measure("memory", TITLE, run)
