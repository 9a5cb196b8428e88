"""A person with everything the product may store about one, beside somebody who must not lose anything."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from gatepost.accounts.operators import AccountAction, act_on_account
from gatepost.audit.trail import Signature
from gatepost.errors import SignInFailed
from gatepost.events import Events
from gatepost.feedback.desk import FeedbackDesk
from gatepost.feedback.fact import Bounce, Kind
from gatepost.feedback.intake import take_in
from gatepost.orders.desk import OrderDesk
from gatepost.outbox.actions import Action
from gatepost.outbox.operate import act
from gatepost.outbox.tables import attempts, messages
from gatepost.person.find import Whose
from gatepost.suppression.by_hand import ByHand, Wanted
from gatepost.suppression.reason import Reason
from gatepost.suppression.soft import note_soft
from tests.support.changes import AT_HOME, NEW_ADDRESS, Changes
from tests.support.clock import MovableClock
from tests.support.feedback import fact
from tests.support.flows import ADDRESS, PASSWORD, Flows
from tests.support.suppressing import suppressed

BO = "bo@example.com"
BY = Signature(actor="command line (uid 1)", reason="mira asked by phone")


def desk_of(flows: Flows, events: Events | None = None) -> OrderDesk:
    """What orders work with, over the database of these flows."""
    gate, heard = flows.gate, events or Events()
    return OrderDesk(
        write=gate.database.write,
        clock=gate.clock,
        events=heard,
        hiding=gate.hiding,
        gate=gate,
        unknown_addresses=gate.keys.hidden_addresses,
        take_feedback=FeedbackDesk(gate.database.write, gate.clock, heard, gate.hiding).take,
        scrub=gate.database.scrub,
    )


def whose(flows: Flows, key: str = ADDRESS) -> Whose:
    """Every form of an address under the keys of these flows."""
    return Whose(key, key, flows.gate.keys.hidden_addresses(key), flows.gate.hiding.forms(key))


def needles(flows: Flows, key: str, account_id: uuid.UUID | None) -> list[str | bytes]:
    """What must be nowhere when the address is erased."""
    own: list[str | bytes] = [key.partition("@")[0], *flows.gate.keys.hidden_addresses(key)]
    return own if account_id is None else [*own, account_id.bytes, account_id.hex, str(account_id)]


@dataclass(frozen=True)
class Lived:
    """Who there is: the person's account, and Bo's."""

    mira: uuid.UUID
    bo: uuid.UUID


async def lives(flows: Flows, clock: MovableClock) -> Lived:
    """Register, reset, be told no, change, be suppressed, come back; Bo wants Mira's address meanwhile."""
    person, gate = Changes(flows), flows.gate
    await flows.request_reset(ADDRESS)  # before there was an account: stands under a keyed hash
    await flows.register(key="a-key-of-a-client")
    await flows.register(name="Mirabelle")
    await flows.verify((await flows.deliver())["verification"], PASSWORD)
    await flows.register()
    await flows.register(BO, name="Bo")
    await flows.verify((await flows.deliver())["verification"])
    with pytest.raises(SignInFailed):
        await flows.sign_in(ADDRESS, "not the password")
    await flows.sign_in(ADDRESS, client=AT_HOME)
    mira, bo = await person.sign_in(), await person.sign_in(BO)
    confirm, undo = await person.requested(mira, NEW_ADDRESS)
    await person.confirm(confirm)
    await person.undo(undo)
    await flows.request_reset(ADDRESS)
    await flows.reset((await flows.deliver())["password_reset"], PASSWORD)
    clock.move(timedelta(hours=3).total_seconds())
    bo = await person.sign_in(BO)
    await person.request(bo, ADDRESS)
    await flows.deliver()
    account = next(row for row in await flows.accounts() if row["email"] == ADDRESS)
    await act_on_account(gate, AccountAction.ENABLE, account["id"], BY)
    await _said(flows, account["id"])
    for address in (ADDRESS, BO):
        words: dict[str, Any] = {"detail": f"550 <{address}> no", "hiding": gate.hiding, "now_ms": clock.now_ms()}
        await suppressed(gate.database, Reason.HARD_BOUNCE, address, **words)
        by_hand = ByHand(gate.database.write, clock, Events(), gate.hiding)
        await by_hand.add(Wanted(address), replace(BY, reason=f"{address.partition('@')[0]} asked by phone"))
        await gate.database.write(
            partial(note_soft, address_key=address, cause=b"c" * 16, now_ms=clock.now_ms()),
        )
    await flows.request_reset(ADDRESS)  # and one that waits
    return Lived(account["id"], bo.account.id)


async def _said(flows: Flows, account_id: uuid.UUID) -> None:
    """Servers, providers and operators leave words about messages, and about none of ours."""
    gate = flows.gate
    welcome = next(
        row for row in await flows.rows(messages) if row["template"] == "welcome" and row["account_id"] == account_id
    )

    def work(tx: Connection) -> None:
        hers = select(messages.c.id).where(messages.c.account_id == account_id)
        tx.execute(update(attempts).where(attempts.c.message.in_(hers)).values(reply_text="550 <mira@example.com> no"))
        act(tx, Action.RESEND, welcome["id"], BY, gate.clock.now_ms())
        about = fact(Kind.BOUNCED, bounce=Bounce.OTHER, row_id=welcome["id"], text="mira@example.com is away")
        of_none = fact(Kind.COMPLAINED, recipient=ADDRESS, text="mira complained")
        of_bos = replace(of_none, event_id="of bo", recipient=BO, text="bo complained")
        take_in(tx, [about, of_none, of_bos], hiding=gate.hiding, now_ms=gate.clock.now_ms())

    await gate.database.write(work)
