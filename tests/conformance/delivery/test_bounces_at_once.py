"""Bounces that share a commit: what one of them may cost the others, and what a message that is accepted pays."""

import asyncio
from dataclasses import replace

from gatepost.database.connection import Database
from gatepost.delivery.batch import Batch, Settling
from gatepost.delivery.bounces import Bounce, Bounces, write_all
from gatepost.events import Events, MessageAccepted
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict
from gatepost.suppression.guard import Guard
from gatepost.testing import SubmissionServer
from tests.support.clock import MovableClock
from tests.support.commits import Asking
from tests.support.delivery import Delivery, smtp_to
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of
from tests.support.postgresql import deadlocks
from tests.support.statements import statements
from tests.support.suppressing import HIDING, keys_and_reasons

FAILED = Verdict(state=State.FAILED, reason="refused")
REFUSED = Try(outcome="permanent", phase="rcpt", reply_code=550, enhanced_status="5.1.1", started_at=1)
OWNER = "worker-1"


async def test_a_bounce_of_a_message_that_is_not_ours_any_more_suppresses_nothing(database: Database) -> None:
    """Whoever has the message now hears the reply as well; those that shared the commit do not pay for it."""
    asking = Asking(database)
    lost, *others = await _claimed(database, 3)
    bounces = [_bounce(one) for one in (replace(lost, owner="somebody else"), *others)]
    told: list[bool | Exception] = []
    for one, bounce in zip((replace(lost, owner="somebody else"), *others), bounces, strict=True):
        asking.commits.settle(Settling(one, FAILED, REFUSED, told.append, bounce))
    await asking.commits.drained()
    assert [False, True, True] == told
    assert ["sending", "failed", "failed"] == [await state_of(database, one.id) for one in (lost, *others)]
    assert {(one.recipient_key, "hard_bounce") for one in others} == await keys_and_reasons(database)


async def test_a_batch_that_is_not_all_ours_leaves_no_suppression(database: Database) -> None:
    """Written together or not at all: a result that is taken back takes its suppression along."""
    asking = Asking(database)
    first, second = await _claimed(database, 2)
    lost = replace(second, claim_number=7)
    asking.commits.settle(Settling(first, FAILED, REFUSED, lambda ours: None, _bounce(first)))
    refused = asking.commits.mark(lost)
    assert await refused is False
    await asking.commits.drained()
    assert {(first.recipient_key, "hard_bounce")} == await keys_and_reasons(database)
    assert 2 == sum(not isinstance(work, Batch) for work in asking.database.works)


async def test_workers_that_suppress_the_same_addresses_do_not_lock_each_other_out(
    processes: list[Database], database_url: str
) -> None:
    """Four processes, the same eight addresses, each in another order: nobody's transaction is broken off."""
    (one,) = await _claimed(processes[0], 1)
    everybody = [
        replace(one, recipient=f"{number}@example.com", recipient_key=f"{number}@example.com") for number in range(8)
    ]

    async def work(process: Database, shift: int) -> None:
        for _ in range(10):
            in_order = everybody[shift:] + everybody[:shift]
            mine = [_bounce(claimed) for claimed in (in_order if shift % 4 else in_order[::-1])]
            await process.write(lambda tx, mine=mine: write_all(tx, mine, NOW_MS))

    await asyncio.gather(*(work(process, 2 * number) for number, process in enumerate(processes)))
    assert 8 == len(await keys_and_reasons(processes[0]))
    if processes[0].shared:
        await asyncio.gather(*(process.close() for process in processes))
        assert 0 == await deadlocks(database_url)


async def test_a_message_that_is_accepted_asks_nothing_of_bounces(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """No statement about suppressions or soft bounces, and none that reads its tries."""
    delivery = Delivery(database, smtp_to(server.port), clock)
    with statements() as seen:
        async with delivery.running():
            await delivery.enqueue(5)
            await delivery.wait_for(MessageAccepted, 5)
    assert any("INSERT INTO attempts" in one for one in seen)
    about = [one for one in seen if "suppressions" in one or "soft_bounces" in one or "FROM attempts" in one]
    assert [] == about


def _bounce(claimed: Claimed) -> Bounce:
    bounce = Bounces(HIDING, Guard(), Events(), "test").heard(claimed, REFUSED)
    assert bounce is not None
    return bounce


async def _claimed(database: Database, count: int) -> list[Claimed]:
    addresses = [f"{number}@example.com" for number in range(count)]
    await enqueue_all(database, *[draft(recipient=one, recipient_key=one) for one in addresses])
    return await claim_as(database, OWNER, limit=count)
