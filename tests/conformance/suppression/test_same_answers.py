"""Nobody learns at the door whose address is suppressed: same answers, same work, same rows."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatepost.errors import SignInFailed
from gatepost.outbox.tables import messages
from gatepost.suppression.reason import Reason
from tests.conformance.accounts.test_same_cost import new_rows, rows
from tests.support.clock import MovableClock
from tests.support.flows import PASSWORD, Flows
from tests.support.places import SOMEWHERE
from tests.support.statements import statements
from tests.support.suppressing import suppressed

LATER_S = 3700

Ask = Callable[[Flows, str], Awaitable[Any]]
ASKED: dict[str, Ask] = {
    "register": lambda flows, address: flows.register(address, client=SOMEWHERE),
    "verify/request": lambda flows, address: flows.request_verification(address, client=SOMEWHERE),
    "reset/request": lambda flows, address: flows.request_reset(address, client=SOMEWHERE),
    "login": lambda flows, address: flows.sign_in(address, client=SOMEWHERE),
    "login, wrongly": lambda flows, address: _fail(flows, address),
}


async def _fail(flows: Flows, address: str) -> str:
    with pytest.raises(SignInFailed) as refused:
        await flows.sign_in(address, "not the password", client=SOMEWHERE)
    return str(refused.value)


async def _has_one(flows: Flows, address: str) -> None:
    await flows.registered_and_verified(address, PASSWORD)
    await flows.deliver()


async def _waits(flows: Flows, address: str) -> None:
    await flows.register(address, PASSWORD)
    await flows.deliver()


async def _nobody(flows: Flows, address: str) -> None:
    """Nothing stands about it."""


@pytest.mark.parametrize("standing", [_nobody, _waits, _has_one], ids=["nobody", "waits", "has one"])
@pytest.mark.parametrize("what", ASKED)
async def test_a_suppressed_address_is_answered_as_every_other(
    flows: Flows, clock: MovableClock, what: str, standing: Ask
) -> None:
    """The same statements in the same order, the same new rows and messages; nothing asks of suppressions."""
    if what == "login" and standing is not _has_one:
        what = "login, wrongly"
    await flows.register("somebody.else@example.com")  # what is made once is made
    done = {}
    for address in ("free@example.com", "stopped@example.com"):
        await standing(flows, address)
        clock.move(LATER_S)
        if address.startswith("stopped"):
            for reason in Reason:
                await suppressed(flows.gate.database, reason, address, now_ms=clock.now_ms())
        before, seen = await rows(flows), {row["id"] for row in await flows.rows(messages)}
        with statements() as ran:
            answered = await ASKED[what](flows, address)
        promised = sorted(
            (row["template"], row["state"], row["reason"], row["security"])
            for row in await flows.rows(messages)
            if row["id"] not in seen
        )
        assert not [one for one in ran if "suppressions" in one]
        done[address] = (type(answered), list(ran), new_rows(before, await rows(flows)), promised)
    assert done["free@example.com"] == done["stopped@example.com"]
