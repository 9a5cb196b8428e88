"""What is erased is nowhere any more."""

import uuid

from gatepost.accounts.deletion import erase
from gatepost.accounts.messages import To, address_change
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.tables import messages
from tests.support.flows import ADDRESS, Flows
from tests.support.traces import traces


async def _erase(flows: Flows, account_id: uuid.UUID) -> int:
    return await flows.gate.database.write(lambda tx: erase(tx, [account_id]))


async def test_an_account_is_erased_with_everything_at_once(flows: Flows) -> None:
    """Whoever proves the address gets it in the same transaction, so nothing of the other account can be in the way."""
    await flows.register(key="a-key-of-a-client")
    await flows.register(name="Somebody else")
    account = (await flows.accounts())[0]
    assert await traces(flows.gate.database, ["mira", account["id"].bytes])
    assert 1 == await _erase(flows, account["id"])
    assert set() == await traces(flows.gate.database, ["mira", "somebody", account["id"].bytes])
    assert 0 == await _erase(flows, account["id"])


async def test_what_a_worker_has_in_hand_is_left_to_it(flows: Flows) -> None:
    """It settles the message as it would have; the account is gone all the same."""
    await flows.register()
    await flows.claim()
    assert 1 == await _erase(flows, (await flows.accounts())[0]["id"])
    assert {"sending"} == {row["state"] for row in await flows.rows(messages)}
    assert [] == await flows.accounts()


async def test_others_keep_their_messages_to_the_address(flows: Flows) -> None:
    """The link by which the address is being proved came with one of them."""
    gate = flows.gate
    owner = await flows.registered_and_verified(ADDRESS)
    await flows.register("bo@example.com", name="Bo")
    bo = next(row for row in await flows.accounts() if row["verified_at"] is None)
    to = To("bo@example.com", bo["address_key"], owner, None, "en", "request-9")
    await gate.database.write(
        lambda tx: enqueue(tx, address_change(to, b"t" * 16), now_ms=gate.clock.now_ms(), domain=gate.message_id_domain)
    )
    await _erase(flows, bo["id"])
    assert ["address_change"] == [
        row["template"] for row in await flows.rows(messages) if row["recipient_key"] == bo["address_key"]
    ]
