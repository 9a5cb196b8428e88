"""What a stranger may ask costs the same whoever has an account: the same hashes, statements and rows.

How well answers can be told apart by the clock is measured by `./run bench timing`; here stands what makes it so.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from gatepost.accounts.passwords import Passwords
from gatepost.database.columns import metadata
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.places import SOMEWHERE
from tests.support.statements import statements

LATER_S = 3700  # whatever may be mailed once an hour may be mailed again


class Counting(Passwords):
    """Hashes as ever, and counts how often."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, time_cost=1, parallelism=1)
        self.made = 0

    async def hash(self, password: str) -> str:
        self.made += 1
        return await super().hash(password)


@pytest.fixture
def counting() -> Iterator[Counting]:
    """Passwords that count."""
    passwords = Counting()
    yield passwords
    passwords.close()


async def nobody(flows: Flows, address: str) -> None:
    """There is no account."""


async def waits(flows: Flows, address: str) -> None:
    """Registered, mailed, not proved."""
    await flows.register(address)
    await flows.deliver()


async def has_one(flows: Flows, address: str) -> None:
    """An account with a proved address."""
    await flows.registered_and_verified(address)
    await flows.deliver()


Ask = Callable[[Flows, str], Awaitable[Any]]
ASKED: dict[str, Ask] = {
    "register": lambda flows, address: flows.register(address, client=SOMEWHERE),
    "verify/request": lambda flows, address: flows.request_verification(address, client=SOMEWHERE),
    "reset/request": lambda flows, address: flows.request_reset(address, client=SOMEWHERE),
}
HASHES = {"register": 1, "verify/request": 0, "reset/request": 0}


@pytest.mark.parametrize("what", ASKED)
async def test_s21_every_branch_does_the_same_work(
    flows: Flows, counting: Counting, clock: MovableClock, what: str
) -> None:
    """For an address nobody has, one that waits and one that is proved: hashes, statements in their order, and rows."""
    flows = Flows(replace(flows.gate, passwords=counting))
    await flows.register("somebody.else@example.com")  # what is made once is made
    done = {}
    for standing in (nobody, waits, has_one):
        address = f"{standing.__name__}@example.com"
        await standing(flows, address)
        clock.move(LATER_S)
        before, counting.made = await rows(flows), 0
        with statements() as ran:
            await ASKED[what](flows, address)
        done[standing.__name__] = (counting.made, list(ran), new_rows(before, await rows(flows)))
    hashes, ran, written = done["nobody"]
    assert HASHES[what] == hashes
    assert 4 < len(ran)
    assert {"tokens", "messages"} <= set(written)
    assert dict.fromkeys(done, (hashes, ran, written)) == done


async def rows(flows: Flows) -> Counter[str]:
    """How many rows each table has; accounts and limits are raised where others are written."""

    def query(connection: Any) -> Counter[str]:
        return Counter(
            {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in metadata.sorted_tables
                if table.name not in ("accounts", "limits")
            }
        )

    return await flows.gate.database.read(query)


def new_rows(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}
