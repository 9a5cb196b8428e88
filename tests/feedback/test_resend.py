"""Resend: the proof of Standard Webhooks under Svix's names, and the events that resend.com/docs/webhooks documents."""

import uuid
from typing import Any

import pytest
from pydantic import SecretStr

from gatepost.errors import NotProven
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.providers.resend import Resend
from tests.feedback.posting import NOW_MS, NOW_S, OTHER_SECRET, ROW_ID, SECRET, WINDOW_S, standard

RESEND = Resend([SecretStr(SECRET)], WINDOW_S)


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "created_at": "2026-11-24T00:00:00.000Z",
        "data": {
            "created_at": "2026-11-23T23:58:11.894719+00:00",
            "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
            "message_id": "<111-222-333@acme.example>",
            "from": "Acme <hello@acme.example>",
            "to": ["ada@example.com"],
            "subject": "Verify your address",
        }
        | data,
    }


def bounce(kind: str, part: str, message: str = "The recipient's mail server sent a bounce message.") -> dict[str, Any]:
    return event("email.bounced", bounce={"type": kind, "subType": part, "message": message})


async def one(body: dict[str, Any]) -> Fact:
    (fact,) = await RESEND.read(standard(body, prefix="svix"))
    return fact


async def test_a_bounce_is_a_fact() -> None:
    """The id of the post, the Message-ID and the recipient are those of the fact."""
    expected = Fact(
        source="resend",
        event_id="msg_2KWPBgLlAfxdpx2A",
        kind=Kind.BOUNCED,
        at=NOW_MS,
        bounce=Bounce.HARD,
        message_id="111-222-333@acme.example",
        recipient="ada@example.com",
        text="It is on the list.",
    )
    assert expected == await one(bounce("Permanent", "Suppressed", "It is on the list."))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("email.delivered", Kind.DELIVERED),
        ("email.delivery_delayed", Kind.DELAYED),
        ("email.bounced", Kind.BOUNCED),
        ("email.suppressed", Kind.BOUNCED),
        ("email.failed", Kind.BOUNCED),
        ("email.complained", Kind.COMPLAINED),
    ],
)
async def test_each_type_is_a_kind(kind: str, expected: Kind) -> None:
    """What says something of a message; only a bounce says something of the address."""
    fact = await one(event(kind))
    assert expected is fact.kind
    assert (expected is Kind.BOUNCED) == (fact.bounce is not None)


@pytest.mark.parametrize("kind", ["email.sent", "email.opened", "email.clicked", "contact.created", "domain.updated"])
async def test_other_types_say_nothing(kind: str) -> None:
    """They are answered and forgotten."""
    assert () == tuple(await RESEND.read(standard({"type": kind}, prefix="svix")))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (bounce("Permanent", "NoEmail"), Bounce.HARD),
        (bounce("Permanent", "General"), Bounce.OTHER),
        (bounce("Permanent", "General", "smtp; 550 5.1.1 user unknown"), Bounce.HARD),
        (bounce("Permanent", "MessageRejected", "smtp; 550 5.7.1 spam"), Bounce.OTHER),
        (bounce("Transient", "MailboxFull"), Bounce.SOFT),
        (bounce("Temporary", "MailboxFull"), Bounce.SOFT),
        (bounce("Transient", "ContentRejected"), Bounce.OTHER),
        (bounce("Undetermined", "Undetermined"), Bounce.OTHER),
        (event("email.suppressed", suppressed={"message": "m", "type": "OnAccountSuppressionList"}), Bounce.OTHER),
    ],
)
async def test_a_bounce_says_what_its_kind_says(body: dict[str, Any], expected: Bounce) -> None:
    """A status in its words first, then its kinds; "general" alone says nothing of the address."""
    fact = await one(body)
    assert (Kind.BOUNCED, expected) == (fact.kind, fact.bounce)


async def test_a_transient_bounce_without_a_status_may_be_an_automatic_answer() -> None:
    """It moves nothing: a message that arrived must not look as if it had not."""
    fact = await one(bounce("Transient", "General"))
    assert (Kind.DELAYED, None) == (fact.kind, fact.bounce)


async def test_our_own_id_is_read_from_our_header_field() -> None:
    """Resend hands back the header fields of its own kind of message; ours names the row."""
    fields = [{"name": "X-Other", "value": "1"}, {"name": "X-Gatepost-Id", "value": ROW_ID}]
    assert uuid.UUID(ROW_ID) == (await one(event("email.delivered", headers=fields))).row_id


async def test_of_several_recipients_none_is_named() -> None:
    """Resend does not say which one it is about."""
    assert (await one(event("email.bounced", to=["ada@example.com", "bob@example.com"]))).recipient is None


async def test_s113_only_what_resend_signed_is_proven() -> None:
    """Another secret, another time and the header fields of another scheme prove nothing."""
    body = event("email.delivered")
    for post in (
        standard(body, prefix="svix", secret=OTHER_SECRET),
        standard(body, prefix="svix", at_s=NOW_S - WINDOW_S - 1),
        standard(body, prefix="webhook"),
    ):
        with pytest.raises(NotProven):
            await RESEND.read(post)
