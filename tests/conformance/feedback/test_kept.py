"""Facts that come before their message is settled: kept, and applied once it is, by whoever settled it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gatepost.clock import SystemClock
from gatepost.database.connection import Database
from gatepost.errors import DatabaseBusy
from gatepost.events import AddressSuppressed, Event, Events, FeedbackReceived, MessageAccepted
from gatepost.feedback import kept
from gatepost.feedback.desk import FeedbackDesk
from gatepost.feedback.fact import Bounce, Kind
from gatepost.feedback.kept import KeptWatch, some_due
from gatepost.feedback.taken import Outcome
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, mark_committing, settle
from gatepost.testing import Hang, Step, SubmissionServer
from tests.support.delivery import DEADLINE_S, NEVER_S, Delivery, reached, smtp_to, wait
from tests.support.feedback import ENDS, HIDING, LATER_MS, apply, end, fact, rows, sent, suppressed, take
from tests.support.outbox import NOW_MS, claim_as, state_of

SETTLED = [
    (State.ACCEPTED, "bounced"),
    (State.UNKNOWN, "bounced"),
    (State.FAILED, "failed"),
    (State.EXPIRED, "expired"),
    (State.CANCELLED, "cancelled"),
    (State.SUPPRESSED, "suppressed"),
]


@pytest.mark.parametrize(("ending", "state"), SETTLED)
async def test_what_was_kept_is_applied_once_its_message_is_settled(
    database: Database, ending: State, state: str
) -> None:
    """The move where one fits, and in every case what it says of the address."""
    row_id = await sent(database, State.QUEUED)
    await take(database, fact(Kind.BOUNCED, bounce=Bounce.HARD, row_id=row_id), fact(row_id=row_id))
    assert set() == await suppressed(database)
    assert [] == await apply(database)
    await end(database, row_id, ending)
    assert await database.read(some_due)
    taken = await apply(database)
    assert [(Outcome.APPLIED, row_id, state)] * 2 == [(one.outcome, one.message, one.state) for one in taken]
    assert state == await state_of(database, row_id)
    assert {("a@example.com", "hard_bounce", "all")} == await suppressed(database)
    assert [LATER_MS] * 2 == [row.applied_at for row in await rows(database)]
    assert [] == await apply(database)
    assert not await database.read(some_due)


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.COMMITTING, State.DEFERRED, State.HELD])
async def test_what_still_waits_keeps_its_facts(database: Database, state: State) -> None:
    """However long: a message that may still go out is not moved by what is said of an earlier try."""
    row_id = await sent(database, state)
    await take(database, fact(row_id=row_id))
    assert not await database.read(some_due)
    assert [] == await apply(database)
    assert str(state) == await state_of(database, row_id)


async def test_a_repeated_kept_fact_is_still_kept_once(database: Database) -> None:
    """The provider posts it again while its message is on its way."""
    row_id = await sent(database, State.SENDING)
    told = fact(row_id=row_id)
    assert [Outcome.KEPT, Outcome.REPEATED] == [one.outcome for one in await take(database, told, told)]
    assert [Outcome.REPEATED] == [one.outcome for one in await take(database, told)]


async def test_more_than_one_batch_is_applied_piece_by_piece(database: Database) -> None:
    """Fifty at a time."""
    row_id = await sent(database, State.QUEUED)
    for _ in range(3):
        await take(database, *[fact(Kind.DELAYED, row_id=row_id) for _ in range(20)])
    await end(database, row_id, State.ACCEPTED)
    assert [50, 10, 0] == [len(await apply(database)) for _ in range(3)]


async def _settle(database: Database, claimed: Claimed) -> None:
    tried = Try(outcome="accepted", started_at=NOW_MS)
    assert await database.write(lambda tx: mark_committing(tx, claimed))
    assert await database.write(lambda tx: settle(tx, claimed, ENDS[State.ACCEPTED], tried, NOW_MS))


async def test_several_processes_apply_each_fact_once(processes: list[Database]) -> None:
    """All look at the same moment; one of them applies, and no fact is told of twice."""
    ids = [await sent(processes[0], State.QUEUED) for _ in range(20)]
    await take(processes[0], *[fact(Kind.COMPLAINED, row_id=row_id) for row_id in ids])
    for claimed in await claim_as(processes[0], limit=len(ids)):
        await _settle(processes[0], claimed)
    applied = [taken for some in await asyncio.gather(*(apply(one) for one in processes)) for taken in some]
    assert sorted(ids) == sorted(one.message for one in applied if one.message)


async def test_settling_and_telling_at_once_loses_nothing(processes: list[Database]) -> None:
    """The worker settles while the provider tells: the fact is applied at once, or kept and found by the next look."""
    for _ in range(10):
        row_id = await sent(processes[0], State.QUEUED)
        (claimed,) = await claim_as(processes[0])
        await asyncio.gather(_settle(processes[1], claimed), take(processes[2], fact(row_id=row_id)))
        await apply(processes[3])
        assert "delivered" == await state_of(processes[0], row_id)


class Watching:
    """The watch of one process, and what it was told of."""

    def __init__(self, database: Database, events: Events) -> None:
        self.desk = FeedbackDesk(database.write, SystemClock(), events, HIDING)
        self.heard: list[Event] = []
        self.looks = 0
        self._database = database
        self._changed = asyncio.Event()
        self.trouble: list[Exception] = []
        self.watch = KeptWatch(self._apply, events)
        events.subscribe(self._hear)

    async def _apply(self) -> int:
        self.looks += 1
        self._changed.set()
        if self.trouble:
            raise self.trouble.pop()
        return await self.desk.apply_kept() if await self._database.read(some_due) else 0

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        self._changed.set()

    async def until(self, kind: type[Event], count: int = 1) -> None:
        """Wait for so many events of one kind."""
        async with asyncio.timeout(DEADLINE_S):
            while len([one for one in self.heard if isinstance(one, kind)]) < count:
                self._changed.clear()
                await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch; at the end it ends by itself."""
        self.watch.begin()
        task = asyncio.create_task(self.watch.run())
        try:
            yield
        finally:
            self.watch.end()
            async with asyncio.timeout(DEADLINE_S):
                await task


async def test_a_kept_fact_is_applied_when_its_message_is_heard_to_be_settled(
    database: Database, server: SubmissionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider tells of a bounce while its own server has not answered us yet: applied right after the answer."""
    monkeypatch.setattr(kept, "LOOK_SOON_S", NEVER_S)  # it must not be found by looking now and then
    delivery = Delivery(database, smtp_to(server.port), SystemClock())
    watching = Watching(database, delivery.events)
    at_the_end = reached(server, Step.TAKEN)
    server.at(Step.TAKEN, Hang())
    async with watching.running(), delivery.running():
        (row_id,) = await delivery.enqueue()
        await wait(at_the_end)
        (taken,) = await watching.desk.take([fact(Kind.BOUNCED, bounce=Bounce.HARD, row_id=row_id)])
        assert Outcome.KEPT is taken.outcome
        server.clear()
        await delivery.wait_for(MessageAccepted)
        await watching.until(AddressSuppressed)
        assert "bounced" == await state_of(database, row_id)
    told = [one.outcome for one in watching.heard if isinstance(one, FeedbackReceived)]
    assert ["kept", "applied"] == told


async def test_what_was_kept_before_the_start_is_applied_at_the_start(database: Database) -> None:
    """The process that kept it is gone; its message was settled meanwhile."""
    row_id = await sent(database, State.QUEUED)
    await take(database, fact(row_id=row_id))
    await end(database, row_id, State.ACCEPTED)
    watching = Watching(database, Events())
    async with watching.running():
        await watching.until(FeedbackReceived)
    assert "delivered" == await state_of(database, row_id)


async def test_trouble_with_the_database_does_not_end_the_watch(database: Database) -> None:
    """It looks again with the next fact that is kept."""
    row_id = await sent(database, State.SENDING)
    watching = Watching(database, Events())
    watching.trouble.append(DatabaseBusy("too many writes wait"))
    async with watching.running():
        await asyncio.sleep(0)
        await watching.desk.take([fact(row_id=row_id)])
        async with asyncio.timeout(DEADLINE_S):
            while watching.looks < 2:
                await database.read(lambda connection: None)


async def test_it_looks_once_while_nothing_is_kept(database: Database) -> None:
    """Messages that are settled wake nobody unless something is kept for them."""
    events = Events()
    watching = Watching(database, events)
    row_id = await sent(database)
    async with watching.running():
        await watching.desk.take([fact(row_id=row_id), fact(row_id=uuid.uuid4())])
        for _ in range(20):
            await database.read(lambda connection: None)
    assert 1 == watching.looks


async def test_an_end_before_the_first_look_is_heard(database: Database) -> None:
    """A process that stops right after its start does not wait for a watch that never ends."""
    watching = Watching(database, Events())
    watching.watch.begin()
    watching.watch.end()
    async with asyncio.timeout(DEADLINE_S):
        await watching.watch.run()
    assert 0 == watching.looks
