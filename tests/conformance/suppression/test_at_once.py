"""Several processes that suppress, lift, hide and ask at the same moment: rows stay whole, nobody waits for ever."""

import asyncio
import random
import uuid

from gatepost.audit.trail import Signature
from gatepost.database.connection import Database
from gatepost.errors import NoSuchSuppression
from gatepost.suppression.lift import Lifted, hide, lift, lift_bounces
from gatepost.suppression.prune import prune_suppressions
from gatepost.suppression.reason import BOUNCES, Reason, Scope
from tests.conformance.suppression.test_check import Message, reset, stopped
from tests.support.suppressing import DAY_MS, HIDING, MIRA, NOW_MS, rows, suppressed

BY = Signature(actor="test")


async def test_of_many_words_at_once_one_is_new(processes: list[Database]) -> None:
    """Ten reports of one address: one row, of which one report says that it is new."""
    made = await asyncio.gather(
        *(
            suppressed(processes[number % 4], Reason.COMPLAINT, scope=[*Scope][number % 2], now_ms=NOW_MS + number)
            for number in range(10)
        )
    )
    assert 1 == sum(one.is_new for one in made)
    assert 1 == len({one.id for one in made})
    (stored,) = await rows(processes[0])
    assert "all" == stored["scope"]


async def test_of_two_who_lift_it_one_did(processes: list[Database]) -> None:
    """The others are told that it is gone; what stands in `audit` is true of one of them."""
    made = await suppressed(processes[0], Reason.HARD_BOUNCE)

    async def lifts(number: int) -> Lifted | None:
        try:
            return await processes[number % 4].write(lambda tx: lift(tx, made.id))
        except NoSuchSuppression:
            return None

    lifted = await asyncio.gather(*map(lifts, range(6)))
    resets = await asyncio.gather(
        *(one.write(lambda tx: lift_bounces(tx, HIDING, MIRA, by=BY, now_ms=NOW_MS)) for one in processes)
    )
    assert 1 == sum(one is not None for one in lifted)
    assert [()] * 4 == resets


async def test_everything_at_once_ends(processes: list[Database]) -> None:
    """Few addresses and every kind of write, as chance has it: each ends, and an address has one row of a reason."""
    chance = random.Random(8)
    addresses = [f"p{number}@example.com" for number in range(4)]

    async def one(number: int) -> None:
        database, address = processes[number % 4], chance.choice(addresses)
        what = chance.randrange(6)
        if what == 0:
            await suppressed(database, chance.choice([*Reason]), address)
        elif what == 1:
            await suppressed(database, chance.choice(sorted(BOUNCES)), address, expires_in_s=1)
        elif what == 2:
            batch = [reset(one) for one in chance.sample(addresses, 4)]
            await stopped(database, *batch, Message(address), now_ms=NOW_MS + number * DAY_MS)
        elif what == 3:
            await database.write(lambda tx: lift_bounces(tx, HIDING, address, by=BY, now_ms=NOW_MS))
        elif what == 4:
            await database.write(lambda tx: hide(tx, HIDING, address))
        else:
            await database.write(lambda tx: prune_suppressions(tx, NOW_MS + 1_000))

    for _ in range(6):
        for database in processes:
            for address in addresses:
                await suppressed(database, chance.choice([*Reason]), address)
        await asyncio.gather(*map(one, range(24)))
    stored = [(row["address_key"], row["reason"]) for row in await rows(processes[0])]
    assert len(set(stored)) == len(stored)
    assert all(isinstance(row["id"], uuid.UUID) for row in await rows(processes[0]))
