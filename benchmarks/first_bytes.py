"""How soon the first byte of each page of the operators comes, with a month of messages in the database."""

import asyncio
import http.client
import re
import socket
import statistics
import time
import urllib.parse
import uuid
from collections.abc import Sequence

from argon2 import PasswordHasher
from sqlalchemy import insert

from benchmarks.figures import Aim, Figure, Kind, Measure, Result
from benchmarks.filled import fill
from benchmarks.places import CHEAP_HASH, Place, gatepost, workplace
from benchmarks.processes import Process
from benchmarks.sink import slow_sink
from gatepost.database.columns import new_row_id
from gatepost.database.opening import open_database
from gatepost.operators.tables import operators
from tests.support.crawl import crawl, shape

MESSAGES = 100_000
ROUNDS = 15
AT_A_TIME = 20
LIMIT_MS = 100.0
TITLE = "The first byte of the operators' pages"
SEARCHES = ("person.100@outlook.com", "person.7", "nobody-at-all", "gmail.com")
_NAME, _PASSWORD = "bench", "a lantern and a tide table"
_KEY = re.compile(r'name="form_key" value="([0-9a-f]+)"')


def run(quick: bool, kind: Kind) -> Result:
    """Fill a database, start the service on it, and ask for each page in turn, again and again."""
    count, rounds = (5_000, 3) if quick else (MESSAGES, ROUNDS)
    with workplace(kind) as place, slow_sink(place.folder, delay_s=0) as sink:
        shown = asyncio.run(_fill(place, count))
        with gatepost(place, sink.port, CHEAP_HASH, name="month") as service:
            cookie = _sign_in(service.port)
            first = ["/admin", *(f"/admin/messages/{one}" for one in shown)]
            first += map(_search, SEARCHES)
            took = _measure(service.port, cookie, first, rounds)
            pages = list(crawl(lambda path: _ask(service.port, cookie, path)[1], first))
            cpu = _processor_ms(place, service, cookie, pages)
    return Result("first-bytes", TITLE, _figures(took), _judged(took, cpu), _notes(count, rounds, took, cpu))


async def _fill(place: Place, count: int) -> list[uuid.UUID]:
    database = await open_database(place.url("month"), wait_for_owner_s=0)
    shown = await fill(database, count)
    phc = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(_PASSWORD)
    row = {"id": new_row_id(), "name": _NAME, "role": "owner", "password_hash": phc}
    row["created_at"] = time.time_ns() // 1_000_000
    await database.write(lambda tx: tx.execute(insert(operators), row).rowcount)
    await database.close()
    if place.server is not None:  # as autovacuum would have done over the month, and not beside what is measured
        await place.server.execute("VACUUM (ANALYZE)", url=place.url("month"))
    return shown


def _sign_in(port: int) -> str:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", "/admin/login", headers={"Accept": "text/html"})
    answer = line.getresponse()
    key = _KEY.search(answer.read().decode())
    assert key is not None, answer.status
    form = urllib.parse.urlencode({"form_key": key[1], "name": _NAME, "password": _PASSWORD})
    fields = {"Cookie": str(answer.headers["set-cookie"]).partition(";")[0], "Origin": f"http://127.0.0.1:{port}"}
    fields["Content-Type"] = "application/x-www-form-urlencoded"
    line.request("POST", "/admin/login", form, fields)
    answer = line.getresponse()
    assert answer.status == 303, answer.read()
    cookies = answer.headers.get_all("set-cookie") or []
    line.close()
    return next(one.partition(";")[0] for one in cookies if one.startswith("gatepost-operator="))


def _measure(port: int, cookie: str, first: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """By what a page is: milliseconds until the first byte of each look; the first one is of a service just started."""
    took: dict[str, list[float]] = {}

    def look(path: str) -> str:
        milliseconds, text = _ask(port, cookie, path)
        took.setdefault(_name(path), []).append(milliseconds)
        return text

    paths = list(crawl(look, first))
    cold = {name: times[:1] for name, times in took.items()}
    took.clear()
    for _ in range(rounds):
        for path in paths:
            look(path)
    return {name: cold[name] + times for name, times in took.items()}


def _processor_ms(place: Place, service: Process, cookie: str, paths: Sequence[str]) -> dict[str, list[float]]:
    """What a look costs the service and its database server, which no other work on the cores disturbs."""
    cost: dict[str, list[float]] = {}
    for path in paths:
        before = service.cpu_s() + place.database_cpu_s()
        for _ in range(AT_A_TIME):
            _ask(service.port, cookie, path)
        spent_s = service.cpu_s() + place.database_cpu_s() - before
        cost.setdefault(_name(path), []).append(spent_s * 1000 / AT_A_TIME)
    return cost


def _name(path: str) -> str:
    """A search is named by what is looked for, every other page by what it is."""
    looked_for = path.partition("?q=")[2] if path in map(_search, SEARCHES) else ""
    return f"{shape(path)}={looked_for}" if looked_for else shape(path)


def _search(text: str) -> str:
    return f"/admin/messages?q={urllib.parse.quote(text)}"


def _ask(port: int, cookie: str, path: str) -> tuple[float, str]:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\nCookie: {cookie}\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        line.sendall(f"{request}Connection: close\r\n\r\n".encode())
        answer = line.recv(1)
        milliseconds = (time.perf_counter() - began) * 1000
        while piece := line.recv(65_536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"GET {path} answered {head[:40]!r}")
    return milliseconds, body.decode()


def _figures(took: dict[str, list[float]]) -> list[Figure]:
    return [Figure.of(name, "ms", times[1:]) for name, times in took.items()]


def _judged(took: dict[str, list[float]], cpu: dict[str, list[float]]) -> list[tuple[Figure, Aim | None]]:
    slowest = max(took.values(), key=lambda times: statistics.median(times[1:]))
    coldest = Figure.of("the slowest first look after a start", "ms", [max(times[0] for times in took.values())])
    dearest = Figure.of("processor time of the dearest page", "ms", max(cpu.values(), key=max))
    aim = Aim("≤", LIMIT_MS)
    return [(Figure.of("the slowest page", "ms", slowest[1:]), aim), (coldest, aim), (dearest, aim)]


def _notes(count: int, rounds: int, took: dict[str, list[float]], cpu: dict[str, list[float]]) -> list[str]:
    return [
        f"The slowest first looks after the start: {_most({name: times[0] for name, times in took.items()})}.",
        f"The dearest by processor time, the database server's included: {_most({n: max(c) for n, c in cpu.items()})}.",
        f"{count:,} messages over 30 days in every state, with their attempts, feedback and opened links; an account"
        " for each five of them.",
        f"Each page over a connection of its own, {rounds} times, in turn with the others; from the request's last byte"
        " to the answer's first. Nothing else is asked meanwhile, and no mail is due.",
    ]


def _most(values: dict[str, float]) -> str:
    ordered = sorted(values.items(), key=lambda one: one[1], reverse=True)[:3]
    return ", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in ordered)


MEASURE = Measure("first-bytes", TITLE, run)
