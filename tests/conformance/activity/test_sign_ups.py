"""How far sign-ups got: counted from the rows that the flows, a server and those who open links left."""

import uuid
from typing import Any

import pytest
from sqlalchemy import update

from gatepost.accounts.link_opens import LinkOpens, Opener
from gatepost.accounts.tokens import Purpose
from gatepost.activity import sign_ups
from gatepost.activity.sign_ups import DAY_MS, MailSteps, Steps, count_mails, count_sign_ups, id_at
from gatepost.outbox.tables import messages
from tests.support.flows import Flows

_FIRST, _LAST = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)


async def counted(flows: Flows, count: Any, from_id: uuid.UUID = _FIRST, before: uuid.UUID = _LAST) -> dict[Any, Any]:
    """Everything of a stretch, look by look."""
    found: dict[Any, Any] = {}
    while True:
        piece = await flows.gate.database.read(
            lambda connection, start=from_id: count(connection, from_id=start, before_id=before)
        )
        for key, steps in piece.groups.items():
            found[key] = found[key] + steps if key in found else steps
        if piece.next_id is None:
            return found
        from_id = piece.next_id


async def opened(flows: Flows, token: str, opener: Opener, purpose: Purpose = Purpose.VERIFICATION) -> None:
    """Somebody opens a link."""
    await LinkOpens(flows.gate).note(purpose, token, opener, request_id="r")


async def reported(flows: Flows, address: str, state: str) -> None:
    """A report says what became of all that was accepted for an address."""
    taken = (messages.c.recipient_key == address) & (messages.c.state == "accepted")
    query = update(messages).where(taken).values(state=state)
    await flows.gate.database.write(lambda tx: tx.execute(query).rowcount)


async def everybody(flows: Flows) -> None:
    """Mira verifies; Bo's mail bounces; a scanner opens Zoe's; Yan gets only the welcome; Ann opens hers."""
    await flows.register("mira@example.com")
    mira = (await flows.deliver())["verification"]
    await flows.register("mira@example.com")
    await opened(flows, mira, Opener.SCANNER)
    await opened(flows, mira, Opener.PERSON)
    await flows.verify(mira, "a third good password")
    await reported(flows, "mira@example.com", "delivered")
    await flows.register("bo@example.com")
    await flows.deliver()
    await reported(flows, "bo@example.com", "bounced")
    await flows.register("zoe@example.com")
    await opened(flows, (await flows.deliver())["verification"], Opener.SCANNER)
    await flows.register("ann@other.example")
    await opened(flows, (await flows.deliver())["verification"], Opener.PERSON)
    await flows.register("yan@example.com", locale="zh-CN")
    late = (messages.c.recipient_key == "yan@example.com") & (messages.c.template == "verification")
    query = update(messages).where(late).values(state="expired", due_at=None)
    await flows.gate.database.write(lambda tx: tx.execute(query).rowcount)
    await flows.deliver()


async def test_each_step_is_counted_by_language_and_domain(flows: Flows) -> None:
    """Who registers again is one sign-up; a scanner is no person; what never went out is only registered."""
    await everybody(flows)
    assert {
        ("en", "example.com"): Steps(registered=3, accepted=3, delivered=1, bounced=1, opened=1, verified=1),
        ("en", "other.example"): Steps(registered=1, accepted=1, opened=1),
        ("zh-CN", "example.com"): Steps(registered=1),
    } == await counted(flows, count_sign_ups)


async def test_mails_are_counted_by_template(flows: Flows) -> None:
    """Those with a link also by who opened it and whether it was used; what was cancelled was never to go out."""
    await everybody(flows)
    found = await counted(flows, count_mails)
    verification = found["verification",]
    assert (5, 1, 1) == (verification.linked, verification.delivered, verification.bounced)
    assert (2, 2, 1) == (verification.opened, verification.scanned, verification.used)
    assert verification.sent == verification.linked
    assert (0, 0, 0) == (found["welcome",].linked, found["welcome",].opened, found["welcome",].used)
    assert {"cancelled"} & {state for _, state, _ in await flows.outbox()}
    stored = [template for template, state, _ in await flows.outbox() if state != "cancelled"]
    assert {name: stored.count(name) for name in stored} == {name: steps.sent for (name,), steps in found.items()}


@pytest.mark.parametrize("rows", [1, 2, 4, 5])
async def test_many_are_counted_piece_by_piece(flows: Flows, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a piece holds, nobody is counted twice and nobody is left out."""
    await everybody(flows)
    whole = await counted(flows, count_sign_ups), await counted(flows, count_mails)
    monkeypatch.setattr(sign_ups, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(sign_ups, "_NEXT", {name: query.offset(rows) for name, query in sign_ups._NEXT.items()})
    assert whole == (await counted(flows, count_sign_ups), await counted(flows, count_mails))


async def test_a_stretch_has_its_own_rows_alone(flows: Flows) -> None:
    """A day ends where the next one begins."""
    await everybody(flows)
    (first, *_, last) = sorted(row["id"] for row in await flows.accounts())
    found = await counted(flows, count_sign_ups, first, last)
    assert 4 == sum(steps.registered for steps in found.values())
    assert {} == await counted(flows, count_sign_ups, _FIRST, first)
    assert {} == await counted(flows, count_mails, _FIRST, id_at((first.int >> 80) - DAY_MS))


def test_steps_are_added_one_by_one() -> None:
    """None of them is forgotten."""
    assert Steps(2, 4, 6, 8, 10, 12) == Steps(1, 2, 3, 4, 5, 6) + Steps(1, 2, 3, 4, 5, 6)
    assert MailSteps(*range(0, 16, 2)) == MailSteps(*range(8)) + MailSteps(*range(8))
