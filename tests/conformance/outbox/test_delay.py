"""Whether mail waits for everybody: what says so; and what must not, as a stranger could cause it or learn by it."""

import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import update

from gatepost.database.connection import Database
from gatepost.delivery.delay import LOOK_EVERY_S, Delay
from gatepost.errors import NotStarted, TryLater
from gatepost.mail.draft import Draft, Priority
from gatepost.outbox.delay import PATIENCE_S, SEVERAL_DOMAINS, is_held_up
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from gatepost.outbox.workers import enlist
from tests.support.clock import StillClock
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, next_millisecond

TOO_LATE_MS = NOW_MS + PATIENCE_S * 1000
DOMAINS = [f"domain{number}.example" for number in range(SEVERAL_DOMAINS)]


def _urgent(domain: str, **changes: Any) -> Draft:
    address = f"a@{domain}"
    return draft(recipient=address, recipient_key=address, template="verification", priority=Priority.URGENT, **changes)


async def _works(database: Database) -> None:
    await database.write(lambda tx: enlist(tx, "worker-1", 8, alone=False))


async def _waits(database: Database, domains: Iterable[str] = DOMAINS, *, now_ms: int = NOW_MS) -> list[uuid.UUID]:
    next_millisecond()
    return await enqueue_all(database, *map(_urgent, domains), now_ms=now_ms)


async def _tried(database: Database, state: State, *, reason: str | None = None, due_at: int | None = None) -> None:
    """Claim everything that is due and let it end so."""
    for one in await claim_as(database, limit=100):
        verdict, tried = Verdict(state=state, reason=reason, due_at=due_at), Try(outcome="said", started_at=NOW_MS)
        assert await database.write(lambda tx, one=one: mark_committing(tx, one))
        assert await database.write(
            lambda tx, one=one, verdict=verdict, tried=tried: settle(tx, one, verdict, tried, NOW_MS)
        )


async def _held_up(database: Database, now_ms: int = TOO_LATE_MS) -> bool:
    return await database.read(lambda connection: is_held_up(connection, now_ms, alone=False))


async def test_an_empty_outbox_is_not_held_up(database: Database) -> None:
    """Where nothing waits nothing is late, whether a worker lives or not."""
    assert not await _held_up(database)


async def test_mail_to_several_domains_that_nobody_begins_is(database: Database) -> None:
    """A minute after they were due, and not a moment before; a worker that lives is no excuse."""
    await _works(database)
    await _waits(database)
    assert not await _held_up(database, TOO_LATE_MS - 1)
    assert await _held_up(database)


async def test_one_domain_fewer_may_be_one_strangers(database: Database) -> None:
    """However many messages wait there: they may wait for each other, because their servers are slow."""
    await _works(database)
    await _waits(database, DOMAINS[1:] * 20)
    assert not await _held_up(database)


async def test_one_message_is_enough_where_no_worker_lives(database: Database) -> None:
    """Nobody is there who could begin it."""
    await _waits(database, DOMAINS[:1])
    assert not await _held_up(database, TOO_LATE_MS - 1)
    assert await _held_up(database)


async def test_one_message_is_enough_where_a_worker_found_no_server(database: Database) -> None:
    """It keeps its place at the head of the queue meanwhile, and so it is overdue until somebody takes it."""
    await _works(database)
    await _waits(database, DOMAINS[:1])
    await _tried(database, State.DEFERRED, reason="unreachable", due_at=NOW_MS)
    assert not await _held_up(database, TOO_LATE_MS - 1)
    assert await _held_up(database)
    await _tried(database, State.ACCEPTED)
    assert not await _held_up(database)


async def test_mail_that_was_put_off_says_nothing(database: Database) -> None:
    """Greylisted, or a full mailbox: it is the recipient's own matter, and its next try is not due yet."""
    await _works(database)
    await _waits(database, DOMAINS * 3)
    await _tried(database, State.DEFERRED, reason="transient", due_at=TOO_LATE_MS)
    assert not await _held_up(database)
    assert not await _held_up(database, TOO_LATE_MS + 10_000)


async def test_mail_that_nobody_waits_for_says_nothing(database: Database) -> None:
    """A product writes to all its people at once: those who sign up are served first, and notice nothing."""
    await _works(database)
    everybody = [draft(recipient=f"a@{domain}", recipient_key=f"a@{domain}") for domain in DOMAINS * 10]
    await enqueue_all(database, *everybody)
    assert not await _held_up(database)


async def test_mail_that_may_be_what_kills_the_process_says_nothing(database: Database) -> None:
    """It is tried alone, whenever nothing else is under way."""
    await _works(database)
    await _waits(database)
    await database.write(lambda tx: tx.execute(update(messages).values(deaths=2)).rowcount)
    assert not await _held_up(database)


async def test_mail_that_was_overtaken_waits_for_its_own_sake(database: Database) -> None:
    """A message that was written only then is at its server already: the queue moves, and passes over these domains."""
    await _works(database)
    await _waits(database, now_ms=NOW_MS + 1)
    assert await _held_up(database, TOO_LATE_MS + 1)
    await _accepted(database, written_at=NOW_MS + 2)
    assert not await _held_up(database, TOO_LATE_MS + 1)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DELIVERED, State.BOUNCED])
async def test_what_is_known_of_it_later_does_not_matter(database: Database, state: State) -> None:
    """Delivered or bounced, a server had taken it."""
    await _works(database)
    await _waits(database, now_ms=NOW_MS + 1)
    await _accepted(database, written_at=NOW_MS + 2, state=state)
    assert not await _held_up(database, TOO_LATE_MS + 1)


async def test_mail_behind_the_newest_that_was_taken_still_counts(database: Database) -> None:
    """Servers took mail until this moment, and none since: what was passed over before says nothing, the others do."""
    await _works(database)
    await _waits(database, ["slow.example"], now_ms=NOW_MS - 2)
    await _accepted(database, written_at=NOW_MS - 1)
    assert not await _held_up(database)
    await _waits(database)
    assert await _held_up(database)


async def _accepted(database: Database, *, written_at: int, state: State = State.ACCEPTED) -> None:
    """A message that a server took while the others waited."""
    (row_id,) = await _waits(database, ["quick.example"], now_ms=written_at)
    for step in (State.SENDING, State.COMMITTING, State.ACCEPTED, state):
        owner = "worker-1" if step in (State.SENDING, State.COMMITTING) else None
        moved = update(messages).where(messages.c.id == row_id).values(state=str(step), owner=owner)
        await database.write(lambda tx, moved=moved: tx.execute(moved).rowcount)


class _Stopped(StillClock):
    """Neither clock goes on until it is moved."""

    def monotonic(self) -> float:
        return self._ahead_s


class _Counted:
    """A database whose reads are counted, and fail when told to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shared = database.shared
        self.reads = 0
        self.fails: Exception | None = None

    async def read(self, query: Any) -> Any:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return await self._database.read(query)


def _judge(database: Any, clock: StillClock, *servers: bool) -> Delay:
    return Delay(database, clock, lambda: dict(zip("abc", servers, strict=False)))


async def test_a_crowd_costs_one_look(database: Database) -> None:
    """Many ask within the same seconds; the next look comes only after them, and tells what has changed."""
    counted, clock = _Counted(database), _Stopped()
    judge = _judge(counted, clock)
    assert {False} == {await judge.is_there() for _ in range(100)}
    await _waits(database, now_ms=clock.now_ms() - PATIENCE_S * 1000)
    clock.move(LOOK_EVERY_S - 0.5)
    assert {False} == {await judge.is_there() for _ in range(100)}
    assert 1 == counted.reads
    clock.move(0.5)
    assert {True} == {await judge.is_there() for _ in range(100)}
    assert 2 == counted.reads


async def test_no_usable_server_is_a_delay_at_once(database: Database) -> None:
    """All of them failed: nobody need look into the database. One that works is enough for none."""
    counted, clock = _Counted(database), _Stopped()
    assert await _judge(counted, clock, False, False).is_there()
    assert 0 == counted.reads
    assert not await _judge(counted, clock, False, True).is_there()
    assert not await _judge(counted, clock).is_there()  # no server of its own, or none that could fail


@pytest.mark.parametrize("error", [NotStarted("not yet"), TryLater("the disk is full")])
async def test_a_database_that_is_away_changes_nothing(database: Database, error: Exception) -> None:
    """The page that asks is shown all the same, with what was seen last."""
    counted, clock = _Counted(database), _Stopped()
    judge = _judge(counted, clock)
    counted.fails = error
    assert not await judge.is_there()
    counted.fails = None
    await _waits(database, now_ms=clock.now_ms() - PATIENCE_S * 1000)
    clock.move(LOOK_EVERY_S)
    assert await judge.is_there()
    counted.fails = error
    clock.move(LOOK_EVERY_S)
    assert await judge.is_there()
