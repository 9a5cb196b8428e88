"""Whether the time an answer takes tells if somebody has an account: pairs of requests, randomly interleaved."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from benchmarks.ceiling import MEMORY_KIB, PARALLELISM, TIME_COST
from benchmarks.figures import Aim, Figure, Kind, Measure, Result
from benchmarks.load import PASSWORD, forwarded, one_by_one, post
from benchmarks.places import Place, gatepost, workplace
from benchmarks.processes import free_port
from benchmarks.separation import Separation, separation
from benchmarks.sink import start_sink
from gatepost.accounts.passwords import Passwords
from gatepost.accounts.tables import accounts, candidates
from gatepost.database.columns import new_row_id
from gatepost.database.opening import open_database

TITLE = "Whether the time of an answer tells who has an account"
SEED = 20261123
UP, DOWN = "mail server up", "mail server down"


@dataclass(frozen=True)
class _Pair:
    """Two kinds of the same request that must not be told apart: for an account there is, and for nobody."""

    name: str
    path: str
    known: str  # "verified" or "unverified": which accounts are asked about
    body: Callable[[str], str]
    status: int = 202


def _with_password(email: str) -> str:
    return f'{{"email":"{email}","password":"{PASSWORD}"}}'


def _alone(email: str) -> str:
    return f'{{"email":"{email}"}}'


_PAIRS = (
    _Pair("register: taken or new", "/auth/register", "verified", _with_password),
    _Pair("register: waiting or new", "/auth/register", "unverified", _with_password),
    _Pair("reset/request: known or not", "/auth/password/reset/request", "verified", _alone),
    _Pair("verify/request: waiting or nobody", "/auth/verify/request", "unverified", _alone),
    _Pair("login: wrong password or nobody", "/auth/login", "verified", _with_password, 401),
    _Pair("login: unverified or nobody", "/auth/login", "unverified", _with_password, 401),
)


def run(quick: bool, kind: Kind) -> Result:
    """Each account is asked about once; every request comes from a client of its own, with the limits on."""
    count = 60 if quick else 1000
    found: dict[str, dict[str, Separation]] = {}
    with workplace(kind) as place, start_sink(place.folder) as sink:
        for mode, mail_port in ((UP, sink.port), (DOWN, free_port())):
            found[mode] = _mode(place, "up" if mode == UP else "down", mail_port, count)
    figures = [
        Figure(f"Gatepost, {mode}: {name}", "area under the curve", one.area, one.low, one.high, count)
        for mode, by_name in found.items()
        for name, one in by_name.items()
    ]
    judged: list[tuple[Figure, Aim | None]] = []
    for mode, by_name in found.items():
        for name, one in by_name.items():
            aim = None if name == _FLOOR else Aim("≤", 0.05)
            reach = Figure.of(f"{name}, {mode}: interval reaches from 0.5", "", [one.furthest])
            off = Figure.of(f"{name}, {mode}: ratio of the medians is off 1 by", "", [abs(one.median_ratio - 1)])
            judged += [(reach, aim), (off, aim)]
    return Result("timing", TITLE, figures, judged, _notes(count))


_FLOOR = "floor: nobody or nobody"


def _mode(place: Place, name: str, mail_port: int, count: int) -> dict[str, Separation]:
    asyncio.run(_seed(place.url(name), count))
    found: dict[str, Separation] = {}
    with gatepost(place, mail_port, name=name) as service:
        for number, pair in enumerate(_PAIRS):
            for round_ in ("warm", "measured"):
                total = 50 if round_ == "warm" else count
                kinds, requests = _requests(pair, number, total, warm=round_ == "warm")
                load = one_by_one(service.port, requests, total=2 * total).must_all_be(pair.status)
                if round_ == "warm":
                    continue
                known = [ms for is_known, ms in zip(kinds, load.latencies_ms, strict=True) if is_known]
                nobody = [ms for is_known, ms in zip(kinds, load.latencies_ms, strict=True) if not is_known]
                found[pair.name] = separation(known, nobody)
                if pair.path.endswith("reset/request"):
                    found[_FLOOR] = separation(nobody[::2], nobody[1::2])
    return found


def _requests(pair: _Pair, number: int, total: int, *, warm: bool) -> tuple[list[bool], Iterator[bytes]]:
    chance = random.Random(f"{SEED}-{number}-{warm}")
    kinds = [True] * total + [False] * total
    chance.shuffle(kinds)
    known, nobody = iter(range(10**9)), iter(range(10**9))

    def requests() -> Iterator[bytes]:
        for is_known in kinds:
            if is_known and not warm:
                email = f"known-{number}-{next(known):05}@example.com"
            else:  # of one length with the others
                email = f"{'wa' if warm else 'no'}one-{number}-{next(nobody):05}@example.com"
            yield post(pair.path, pair.body(email).encode(), forwarded())

    return kinds, requests()


async def _seed(url: str, count: int) -> None:
    """Make the accounts: for each pair `count`, of which some flow asks once."""
    passwords = Passwords(memory_kib=MEMORY_KIB, time_cost=TIME_COST, parallelism=PARALLELISM)
    password_hash = await passwords.hash("another sentence that is not asked for")
    passwords.close()
    database = await open_database(url, wait_for_owner_s=5)
    for number, pair in enumerate(_PAIRS):
        await database.write(lambda tx, n=number, p=pair: _insert(tx, n, p, count, password_hash))  # type: ignore[misc]
    await database.close()


def _insert(tx: Connection, number: int, pair: _Pair, count: int, password_hash: str) -> None:
    verified, now_ms = pair.known == "verified", int(time.time() * 1000)
    rows = [
        {
            "id": new_row_id(),
            "email": f"known-{number}-{one:05}@example.com",
            "address_key": f"known-{number}-{one:05}@example.com",
            "name": None,
            "locale": "en",
            "password_hash": password_hash if verified else None,
            "created_at": now_ms,
            "verified_at": now_ms if verified else None,
            "registrations": 1,
        }
        for one in range(count)
    ]
    tx.execute(insert(accounts), rows)
    if not verified:
        tx.execute(
            insert(candidates),
            [
                {
                    "id": new_row_id(),
                    "account_id": row["id"],
                    "password_hash": password_hash,
                    "name": None,
                    "locale": "en",
                    "created_at": now_ms,
                    "closed_at": None,
                }
                for row in rows
            ],
        )


def _notes(count: int) -> list[str]:
    return [
        f"{count} requests of each kind in a pair, in random order (seed {SEED}), one at a time on one connection;"
        " every address is asked about once, every request comes from a client of its own, with rate limits on.",
        "The area under the ROC curve is the chance that an answer about an account takes longer than one about nobody:"
        " 0.5 tells nothing, 1 tells everything. In brackets the interval of 95 % (DeLong).",
        "The floor compares answers about nobody with others about nobody, half as many of each.",
        "Down: nothing listens on the mail server's port.",
    ]


MEASURE = Measure("timing", TITLE, run)
