"""What is kept of counted days: good for a while, counted again when it is old, and nobody waits for it."""

import asyncio
import gc
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import insert

from gatepost.accounts.tables import accounts
from gatepost.activity import sign_up_days
from gatepost.activity.sign_up_days import MOST_DAYS, MOST_DOMAINS, OTHER_DOMAINS, SignUpDays
from gatepost.activity.sign_ups import DAY_MS, id_at
from gatepost.database.connection import Database
from gatepost.errors import DatabaseUnavailable
from tests.support.clock import MovableClock

LOOKS_A_DAY = 2  # one for the accounts, one for the messages


class Counted:
    """A database that keeps how often it was read, and can be held or away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.looks = 0
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.is_away = False

    async def read(self, query: Any) -> Any:
        self.asked.set()
        await self.open.wait()
        if self.is_away:
            raise DatabaseUnavailable("the disk is gone")
        self.looks += 1
        return await self._database.read(query)


@pytest.fixture
def counted(database: Database) -> Counted:
    """The database of this test, watched."""
    return Counted(database)


@pytest.fixture
def days(counted: Counted, clock: MovableClock) -> SignUpDays:
    """Nothing is counted yet."""
    return SignUpDays(counted, clock, asyncio.Event())


async def sign_up(database: Database, at_ms: int, *addresses: str) -> None:
    """Accounts that were made at an instant."""
    rows = [_account(at_ms, number, address) for number, address in enumerate(addresses)]
    await database.write(lambda tx: tx.execute(insert(accounts), rows).rowcount)


def _account(at_ms: int, number: int, address: str) -> Mapping[str, Any]:
    id = type(id_at(0))(int=id_at(at_ms).int + number)
    return {"id": id, "email": address, "address_key": address, "locale": "en", "created_at": at_ms, "registrations": 1}


async def test_what_was_counted_is_not_counted_again(days: SignUpDays, counted: Counted) -> None:
    """Thirty days at the first look, and nothing at the next ones, of whatever span."""
    first = await days.last(MOST_DAYS, 10)
    assert (MOST_DAYS, 0) == (len(first.days), first.missing)
    assert MOST_DAYS * LOOKS_A_DAY == counted.looks
    for span in (7, MOST_DAYS, 7):
        await days.last(span, 10)
    assert MOST_DAYS * LOOKS_A_DAY == counted.looks


@pytest.mark.parametrize(("passed_s", "days_again"), [(4, 0), (30, 1), (61, 8), (3601, MOST_DAYS)])
async def test_the_younger_a_day_the_sooner_it_is_counted_again(
    days: SignUpDays,
    counted: Counted,
    clock: MovableClock,
    passed_s: float,
    days_again: int,
) -> None:
    """Today after seconds, this week after a minute, all of it after an hour."""
    clock.move(DAY_MS / 1000 - clock.now_ms() / 1000 % 86_400 + 60)  # far from midnight
    await days.last(MOST_DAYS, 10)
    counted.looks = 0
    clock.move(passed_s)
    await days.last(MOST_DAYS, 10)
    assert days_again * LOOKS_A_DAY == counted.looks


async def test_a_count_that_takes_long_is_good_for_long(
    days: SignUpDays, counted: Counted, clock: MovableClock
) -> None:
    """Twenty times as long as it took: it never keeps the machine busy."""
    counted.open.clear()
    looking = asyncio.ensure_future(days.last(1, 10))
    await counted.asked.wait()
    clock.move(10)
    counted.open.set()
    await looking
    counted.looks = 0
    clock.move(190)
    await days.last(1, 10)
    assert 0 == counted.looks
    clock.move(20)
    await days.last(1, 10)
    assert counted.looks > 0


async def test_nobody_waits_for_the_count(days: SignUpDays, counted: Counted) -> None:
    """A look says what is missing; the count goes on, once for all who look, and the next look has it."""
    counted.open.clear()
    first, second = await asyncio.gather(days.last(7, 0), days.last(30, 0))
    assert (((), 7), ((), 30)) == ((first.days, first.missing), (second.days, second.missing))
    assert None is first.counted_at
    counted.open.set()
    assert 0 == (await days.last(30, 10)).missing
    assert MOST_DAYS * LOOKS_A_DAY == counted.looks


async def test_what_is_old_is_shown_until_it_is_counted_again(
    days: SignUpDays, database: Database, counted: Counted, clock: MovableClock
) -> None:
    """Better the figures of a minute ago than none."""
    await days.last(7, 10)
    await sign_up(database, clock.now_ms(), "mira@example.com")
    clock.move(60)
    counted.open.clear()
    assert (0, 0) == ((old := await days.last(7, 0)).missing, old.total.registered)
    counted.open.set()
    assert 1 == (await days.last(7, 10)).total.registered


async def test_a_database_that_is_away_is_said_and_asked_again(days: SignUpDays, counted: Counted) -> None:
    """Whoever looks is told to come back; the next look counts."""
    counted.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await days.last(7, 10)
    counted.is_away = False
    assert 0 == (await days.last(7, 10)).missing


async def test_a_failure_that_nobody_waits_for_is_no_noise(days: SignUpDays, counted: Counted) -> None:
    """Whoever looked has gone: nothing is left over that the event loop complains about."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: complaints.append(told))
    counted.is_away = True
    counted.open.clear()
    counting = await _left_alone(days)
    counted.open.set()
    await asyncio.wait([counting])
    days._counting = None
    del counting
    gc.collect()
    assert [] == complaints


async def _left_alone(days: SignUpDays) -> asyncio.Task[object]:
    await days.last(7, 0)
    (counting,) = [task for task in asyncio.all_tasks() if task.get_name() == "sign-ups"]
    return counting


async def test_a_process_that_stops_counts_no_further(counted: Counted, clock: MovableClock) -> None:
    """A stop waits for one look at most."""
    stopping = asyncio.Event()
    stopping.set()
    assert 7 == (await SignUpDays(counted, clock, stopping).last(7, 10)).missing
    assert 0 == counted.looks


async def test_days_begin_at_midnight_utc(days: SignUpDays, database: Database, clock: MovableClock) -> None:
    """The last moment of a day is its own, and what is older than the span is not counted."""
    today = clock.now_ms() // DAY_MS * DAY_MS
    await sign_up(database, today - 1, "a@example.com")
    await sign_up(database, today, "b@example.com", "c@example.com")
    await sign_up(database, today - 6 * DAY_MS, "d@example.com")
    await sign_up(database, today - 6 * DAY_MS - 1, "e@example.com")
    found = await days.last(7, 10)
    assert [2, 1, 0, 0, 0, 0, 1] == [day.total.registered for day in found.days]
    assert [today - back * DAY_MS for back in range(7)] == [day.starts_at for day in found.days]


async def test_of_many_domains_the_largest_are_kept(days: SignUpDays, database: Database, clock: MovableClock) -> None:
    """What one day may hold is bounded: the others are counted together, and nobody is lost."""
    domains = [f"d{number:03}.example" for number in range(MOST_DOMAINS + 5)]
    addresses = [f"one@{domain}" for domain in domains] + ["two@d204.example", "two@d203.example", "tri@d204.example"]
    await sign_up(database, clock.now_ms(), *addresses)
    found = (await days.last(7, 10)).together("by_domain")
    assert MOST_DOMAINS + 1 == len(found)
    assert [OTHER_DOMAINS, "d204.example", "d203.example", "d000.example"] == list(found)[:4]
    assert len(addresses) == sum(steps.registered for steps in found.values())


def test_a_look_is_shorter_than_a_person_notices() -> None:
    """The first byte of the page comes within 100 ms, whatever there is to count."""
    assert sign_up_days.PATIENCE_S <= 0.06
