"""What the outbox keeps of a message: which one it is and harmless values, never what the person will read."""

import json

from gatepost.accounts.tables import accounts
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.traces import traces

LATER_S = 61  # another message of the same kind may be asked for


async def test_s115_the_outbox_stores_what_is_harmless(flows: Flows, clock: MovableClock) -> None:
    """A row names its template and locale, and holds a name and a network: no body, no link, no token, no password."""
    await flows.registered_and_verified()
    clock.move(LATER_S)
    await flows.request_reset()
    link = (await flows.deliver())["password_reset"]
    await flows.reset(link)
    rows = await flows.rows(messages)
    assert {"verification", "welcome", "password_reset", "password_changed"} == {row["template"] for row in rows}
    allowed = {"name", "where", "new_address", "until"}
    assert [] == [row["template"] for row in rows if not set(json.loads(row["template_values"])) <= allowed]
    assert set() == await traces(
        flows.gate.database, [link[22:], "token=", "://", "correct horse battery", "another good password"]
    )
    assert not any(name for name in map(str, messages.c) if "body" in name or "link" in name or "html" in name)


async def test_s115_nothing_is_left_to_wipe_when_a_message_is_over(flows: Flows) -> None:
    """At its end a message holds the same as before: there was never a secret in it; accounts keep none either."""
    await flows.register()
    (waiting,) = [row for row in await flows.rows(messages) if row["template"] == "verification"]
    token = (await flows.deliver())["verification"]
    (over,) = [row for row in await flows.rows(messages) if row["template"] == "verification"]
    assert "accepted" == over["state"]
    assert waiting["template_values"] == over["template_values"]
    assert token[22:] not in repr(over) + repr(await flows.rows(accounts))
