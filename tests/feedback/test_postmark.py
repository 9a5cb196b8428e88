"""Postmark: a login instead of a signature, and the events that postmarkapp.com/developer/webhooks documents."""

import base64
import uuid
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import SecretStr

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers.postmark import Postmark
from tests.feedback.posting import LOGIN, NOW_MS, ROW_ID, postmark

POSTMARK = Postmark(SecretStr(LOGIN), ())


def bounce(kind: str = "HardBounce", **more: Any) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "ID": 692560173,
        "Type": kind,
        "TypeCode": 1,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "ServerID": 1234,
        "MessageStream": "outbound",
        "Metadata": {"gatepost": ROW_ID},
        "Description": "The server was unable to deliver your message.",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Email": "ada@example.com",
        "BouncedAt": "2026-11-23T19:00:00.2735393-05:00",
        "Inactive": True,
    } | more


def subscription(**more: Any) -> dict[str, Any]:
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": None,
        "Recipient": "ada@example.com",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
        "Origin": "Recipient",
        "ChangedAt": "2026-11-24T00:00:00Z",
    } | more


async def refused(post: Posted, provider: Postmark = POSTMARK) -> str:
    with pytest.raises(NotProven) as refusal:
        await provider.read(post)
    return str(refusal.value)


async def test_a_bounce_is_a_fact() -> None:
    """Our own id comes back as metadata; Postmark's MessageID is none of ours."""
    (fact,) = await POSTMARK.read(postmark(bounce()))
    expected = Fact(
        source="postmark",
        event_id=fact.event_id,
        kind=Kind.BOUNCED,
        at=NOW_MS + 274,
        bounce=Bounce.HARD,
        row_id=uuid.UUID(ROW_ID),
        recipient="ada@example.com",
        status="5.1.1",
        text="smtp;550 5.1.1 The email account that you tried to reach does not exist.",
    )
    assert expected == replace(fact, at=NOW_MS + 274)
    assert NOW_MS + 273 <= fact.at <= NOW_MS + 274


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (bounce("HardBounce", Details="smtp;550 5.7.1 spam"), Kind.BOUNCED, Bounce.OTHER),
        (bounce("HardBounce", Details="550 gone"), Kind.BOUNCED, Bounce.HARD),
        (bounce("SoftBounce", Details="the mailbox is full"), Kind.BOUNCED, Bounce.SOFT),
        (bounce("SoftBounce", Details="smtp;550 5.1.1 nobody"), Kind.BOUNCED, Bounce.HARD),
        (bounce("BadEmailAddress", Details=""), Kind.BOUNCED, Bounce.HARD),
        (bounce("SpamNotification", Details=None), Kind.BOUNCED, Bounce.OTHER),
        (bounce("Blocked", Details=None), Kind.BOUNCED, Bounce.OTHER),
        (bounce("Unknown", Details=None), Kind.BOUNCED, Bounce.OTHER),
        (bounce("AnythingNew", Details=None), Kind.BOUNCED, Bounce.OTHER),
        (bounce("Transient"), Kind.DELAYED, None),
        (bounce("DnsError"), Kind.DELAYED, None),
        (bounce("SpamComplaint"), Kind.COMPLAINED, None),
        (bounce("Unsubscribe"), Kind.UNSUBSCRIBED, None),
        (bounce("SpamComplaint", RecordType="SpamComplaint"), Kind.COMPLAINED, None),
        (
            {"RecordType": "Delivery", "Recipient": "ada@example.com", "DeliveredAt": "2026-11-24T00:00:00Z"},
            Kind.DELIVERED,
            None,
        ),
        (subscription(), Kind.UNSUBSCRIBED, None),
    ],
)
async def test_each_event_is_a_kind(body: dict[str, Any], kind: Kind, expected: Bounce | None) -> None:
    """What Postmark goes on trying is no bounce; a status says more than "hard"."""
    (fact,) = await POSTMARK.read(postmark(body))
    assert (kind, expected, "ada@example.com") == (fact.kind, fact.bounce, fact.recipient)


@pytest.mark.parametrize(
    "body",
    [
        {"RecordType": "Open"},
        {"RecordType": "Click"},
        {"RecordType": "Inbound"},
        {},
        bounce("AutoResponder"),
        bounce("AddressChange"),
        bounce("ChallengeVerification"),
        bounce("Subscribe"),
        bounce("InboundError"),
        subscription(SuppressSending=False),
        subscription(SuppressionReason="HardBounce"),
        subscription(SuppressionReason="SpamComplaint"),
        subscription(Origin="Admin"),
        subscription(Origin="Customer"),
    ],
)
async def test_other_events_say_nothing(body: dict[str, Any]) -> None:
    """What comes as an event of its own as well, an automatic answer, and what our own side did at Postmark."""
    assert () == tuple(await POSTMARK.read(postmark(body)))


async def test_the_same_event_twice_is_the_same_fact() -> None:
    """Events have no id of their own, except for bounces: all that tells one from another is in it."""
    ids = [
        (await POSTMARK.read(postmark(body)))[0].event_id
        for body in (
            bounce(),
            bounce(Details="worded anew"),
            bounce(ID=692560174),
            bounce(MessageID="another"),
            bounce(Email="bob@example.com"),
            bounce(BouncedAt="2026-11-24T00:00:01Z"),
            bounce(RecordType="SpamComplaint"),
        )
    ]
    assert ids[0] == ids[1]
    assert 6 == len(set(ids))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic %%%",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(LOGIN[:-1].encode()).decode(),
        "Basic " + base64.b64encode(f"{LOGIN}x".encode()).decode(),
        "Basic " + base64.b64encode(b"postmark:").decode(),
        "Bearer " + base64.b64encode(LOGIN.encode()).decode(),
        LOGIN,
    ],
)
async def test_s113_another_login_does_not_prove(authorization: str | None) -> None:
    """Only the whole name and password, in HTTP's own form."""
    headers = {} if authorization is None else {"authorization": authorization}
    assert await refused(replace(postmark(bounce()), headers=headers))


async def test_the_refusal_names_no_login() -> None:
    """Neither the right one nor the one that was tried."""
    text = await refused(postmark(bounce(), login="postmark:some-guess-of-somebody"))
    assert "the login does not fit" == text


async def test_s113_where_networks_are_set_only_they_may_post() -> None:
    """Besides the login, and also where an IPv4 address comes written as IPv6."""
    fenced = Postmark(SecretStr(LOGIN), (ip_network("50.31.156.6"), ip_network("10.0.0.0/8")))
    for peer in ("50.31.156.6", "::ffff:50.31.156.6", "10.1.2.3"):
        assert 1 == len(await fenced.read(postmark(bounce(), peer=peer)))
    for peer in ("50.31.156.7", "2001:db8::1", "::ffff:50.31.156.7"):
        assert "FEEDBACK_POSTMARK_NETWORKS" in await refused(postmark(bounce(), peer=peer), fenced)
    assert await refused(replace(postmark(bounce()), peer=None), fenced)
    assert await refused(postmark(bounce(), peer="50.31.156.6", login="postmark:wrong-wrong-wrong"), fenced)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_proven_and_not_as_documented_is_unreadable(body: bytes) -> None:
    """A body that is cut off is told apart from a forgery."""
    with pytest.raises(FeedbackUnreadable):
        await POSTMARK.read(postmark(body))
