"""SendGrid: a signature over the time and the body, and the events that twilio.com/docs/sendgrid documents."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.errors import FeedbackUnreadable, NotProven, SettingsError
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers.sendgrid import SendGrid
from tests.feedback.posting import NOW_MS, NOW_S, ROW_ID, WINDOW_S, SendGridKey

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


def event(kind: str = "bounce", **more: Any) -> dict[str, Any]:
    return {
        "email": "ada@example.com",
        "timestamp": NOW_S - 5,
        "smtp-id": "<abc@acme.example>",
        "event": kind,
        "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
    } | more


@pytest.fixture
def sendgrid(sendgrid_key: SendGridKey) -> SendGrid:
    return SendGrid(sendgrid_key.shown, WINDOW_S)


async def refused(provider: SendGrid, post: Posted) -> str:
    with pytest.raises(NotProven) as refusal:
        await provider.read(post)
    return str(refusal.value)


async def test_each_event_of_a_post_is_a_fact(sendgrid: SendGrid, sendgrid_key: SendGridKey) -> None:
    """In their order; those that say nothing are left out."""
    bounced = event(reason="550 5.1.1 unknown", status="5.1.1", type="bounce", bounce_classification="Invalid Address")
    delivered = event("delivered", response="250 OK", sg_event_id="other", gatepost=ROW_ID)
    expected = Fact(
        source="sendgrid",
        event_id="6g4ZI7SA-xmRDv57GoPIPw==",
        kind=Kind.BOUNCED,
        at=NOW_MS - 5000,
        bounce=Bounce.HARD,
        message_id="abc@acme.example",
        recipient="ada@example.com",
        status="5.1.1",
        text="550 5.1.1 unknown",
    )
    facts = await sendgrid.read(sendgrid_key.post([bounced, event("processed"), delivered]))
    assert [expected] == list(facts[:1])
    assert [(Kind.DELIVERED, uuid.UUID(ROW_ID), "250 OK")] == [(one.kind, one.row_id, one.text) for one in facts[1:]]


@pytest.mark.parametrize(
    ("body", "kind", "bounce"),
    [
        (event("delivered"), Kind.DELIVERED, None),
        (event("deferred", response="421 4.7.0 later", attempt="5"), Kind.DELAYED, None),
        (event("spamreport"), Kind.COMPLAINED, None),
        (event("unsubscribe"), Kind.UNSUBSCRIBED, None),
        (event("group_unsubscribe", asm_group_id=10), Kind.UNSUBSCRIBED, None),
        (event(reason="500 unknown recipient", status="5.0.0", type="bounce"), Kind.BOUNCED, Bounce.OTHER),
        (event(status="5.0.0", type="bounce", bounce_classification="Invalid Address"), Kind.BOUNCED, Bounce.HARD),
        (event(type="bounce", bounce_classification="Mailbox Unavailable"), Kind.BOUNCED, Bounce.SOFT),
        (event(type="bounce", bounce_classification="Reputation"), Kind.BOUNCED, Bounce.OTHER),
        (event(type="blocked", bounce_classification="Invalid Address"), Kind.BOUNCED, Bounce.OTHER),
        (event(type="blocked", reason="unable to get mx info"), Kind.BOUNCED, Bounce.OTHER),
        (
            event(type="bounce", reason="550 5.7.1 no", bounce_classification="Invalid Address"),
            Kind.BOUNCED,
            Bounce.OTHER,
        ),
        (event(type="bounce", reason="552 5.2.2 full"), Kind.BOUNCED, Bounce.SOFT),
        (event("dropped", reason="Bounced Address", status="5.0.0"), Kind.BOUNCED, Bounce.HARD),
        (event("dropped", reason="Spam Reporting Address"), Kind.BOUNCED, Bounce.OTHER),
        (event("dropped", reason="Unsubscribed Address"), Kind.BOUNCED, Bounce.OTHER),
    ],
)
async def test_each_event_is_a_kind(
    sendgrid: SendGrid, sendgrid_key: SendGridKey, body: dict[str, Any], kind: Kind, bounce: Bounce | None
) -> None:
    """What SendGrid goes on trying is no bounce; a block says nothing of the address."""
    (fact,) = await sendgrid.read(sendgrid_key.post([body]))
    assert (kind, bounce) == (fact.kind, fact.bounce)


@pytest.mark.parametrize("kind", ["processed", "open", "click", "group_resubscribe", "account_status_change", "new"])
async def test_other_events_say_nothing(sendgrid: SendGrid, sendgrid_key: SendGridKey, kind: str) -> None:
    """They are answered and forgotten."""
    assert [] == list(await sendgrid.read(sendgrid_key.post([event(kind), 5, None])))


async def test_an_event_without_an_id_gets_a_lasting_one(sendgrid: SendGrid, sendgrid_key: SendGridKey) -> None:
    """The same for the same event, and another for each other one."""
    bodies = [event(sg_event_id=None), event(sg_event_id=None), event("dropped", sg_event_id=None)]
    bodies += [event(sg_event_id=None, email="bob@example.com"), event(sg_event_id=None, timestamp=NOW_S)]
    ids = [fact.event_id for fact in await sendgrid.read(sendgrid_key.post(bodies))]
    assert ids[0] == ids[1]
    assert 4 == len(set(ids))


async def test_s113_the_body_and_the_time_are_signed(sendgrid: SendGrid, sendgrid_key: SendGridKey) -> None:
    """A changed, a shortened and a reordered body and a changed time are all refused."""
    post = sendgrid_key.post([event(), event("delivered")])
    reordered = b"[" + b",".join(reversed(post.body[1:-1].split(b"}, "))) + b"]"
    for body in (post.body[:-1], post.body + b" ", post.body.replace(b"ada", b"bob"), reordered, b"[]", b""):
        assert "the signature does not fit" == await refused(sendgrid, replace(post, body=body))
    moved = replace(post, headers={**post.headers, TIMESTAMP: str(NOW_S + 1)})
    assert "the signature does not fit" == await refused(sendgrid, moved)


@pytest.mark.parametrize("field", [SIGNATURE, TIMESTAMP])
async def test_without_a_header_field_nothing_is_proven(
    sendgrid: SendGrid, sendgrid_key: SendGridKey, field: str
) -> None:
    """Both are needed."""
    post = sendgrid_key.post([event()])
    headers = {name: value for name, value in post.headers.items() if name != field}
    assert field in await refused(sendgrid, replace(post, headers=headers))


@pytest.mark.parametrize("signature", ["!", "AAAA", "MEUCIQ==", "\udcff", "A" * 10_000])
async def test_what_is_no_signature_does_not_prove(
    sendgrid: SendGrid, sendgrid_key: SendGridKey, signature: str
) -> None:
    """Whatever stands in its place."""
    post = sendgrid_key.post([event()])
    assert await refused(sendgrid, replace(post, headers={**post.headers, SIGNATURE: signature}))


async def test_another_key_does_not_prove(sendgrid: SendGrid) -> None:
    """Somebody else's webhook signs with a key of its own."""
    assert "the signature does not fit" == await refused(sendgrid, SendGridKey().post([event()]))


@pytest.mark.parametrize("apart_s", [-WINDOW_S - 1, WINDOW_S + 1])
async def test_s113_outside_of_the_window_it_is_refused(
    sendgrid: SendGrid, sendgrid_key: SendGridKey, apart_s: int
) -> None:
    """A copy that is posted again later proves nothing."""
    assert "FEEDBACK_WINDOW_S" in await refused(sendgrid, sendgrid_key.post([event()], at_s=NOW_S + apart_s))


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[5]", b"null", b"\xff", b"[" * 100_000])
async def test_proven_and_not_as_documented_is_unreadable(
    sendgrid: SendGrid, sendgrid_key: SendGridKey, body: bytes
) -> None:
    """A body that is cut off before it is signed is told apart from a forgery."""
    with pytest.raises(FeedbackUnreadable):
        await sendgrid.read(sendgrid_key.post(body))


@pytest.mark.parametrize("shown", ["", "AAAA", SendGridKey(ec.SECP384R1()).shown, SendGridKey().shown[:-8]])
def test_a_key_on_another_curve_or_cut_off_is_refused_at_the_start(shown: str) -> None:
    """The refusal names the setting."""
    with pytest.raises(SettingsError, match="GATEPOST_FEEDBACK_SENDGRID_KEY"):
        SendGrid(shown, WINDOW_S)
