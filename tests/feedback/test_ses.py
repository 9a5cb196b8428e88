"""Amazon SES: what its events say, one fact for each recipient.

The bodies follow docs.aws.amazon.com/ses/latest/dg, "Contents of event data that Amazon SES publishes to Amazon SNS"
and "Amazon SNS notification contents for Amazon SES".
"""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from gatepost.errors import FeedbackUnreadable
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.providers.ses import Ses
from tests.feedback.posting import NOW_MS, ROW_ID, Sns, by_sns

MAIL: dict[str, Any] = {
    "timestamp": "2026-11-23T23:58:02.012Z",
    "source": "Acme <hello@acme.example>",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["ada@example.com"],
    "headersTruncated": False,
    "headers": [
        {"name": "From", "value": "Acme <hello@acme.example>"},
        {"name": "Message-ID", "value": "<abc@acme.example>"},
    ],
    "commonHeaders": {"messageId": "EXAMPLE7c191be45", "subject": "Verify your address"},
    "tags": {"ses:configuration-set": ["gatepost"], "gatepost": [ROW_ID]},
}
ADA = {"emailAddress": "ada@example.com"}


def event(name: str, part: dict[str, Any], **mail: Any) -> dict[str, Any]:
    own = {"timestamp": "2026-11-24T00:00:00.000Z"} | part
    return {"eventType": name, name[:1].lower() + name[1:]: own, "mail": MAIL | mail}


def bounce(kind: str, part: str, **recipient: str) -> dict[str, Any]:
    said = {"bounceType": kind, "bounceSubType": part, "feedbackId": "0100-61b59c11"}
    return event("Bounce", {**said, "bouncedRecipients": [ADA | recipient]})


@pytest.fixture
def read(ses: Ses, sns: Sns) -> Any:
    async def read(said: object) -> Sequence[Fact]:
        return await ses.read(by_sns(sns.notification(said)))

    return read


async def test_a_bounce_is_a_fact(read: Any) -> None:
    """Our own id comes back as a tag, our Message-ID among the header fields as SES got them."""
    (fact,) = await read(bounce("Permanent", "General", status="5.1.1", diagnosticCode="smtp; 550 5.1.1 user unknown"))
    expected = Fact(
        source="ses",
        event_id=fact.event_id,
        kind=Kind.BOUNCED,
        at=NOW_MS,
        bounce=Bounce.HARD,
        row_id=uuid.UUID(ROW_ID),
        message_id="abc@acme.example",
        recipient="ada@example.com",
        status="5.1.1",
        text="smtp; 550 5.1.1 user unknown",
    )
    assert expected == fact


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (bounce("Permanent", "NoEmail"), Bounce.HARD),
        (bounce("Permanent", "Suppressed"), Bounce.HARD),
        (bounce("Permanent", "General"), Bounce.OTHER),
        (bounce("Permanent", "OnAccountSuppressionList"), Bounce.OTHER),
        (bounce("Permanent", "General", diagnosticCode="smtp; 550 5.1.1 unknown"), Bounce.HARD),
        (bounce("Permanent", "NoEmail", status="5.7.1"), Bounce.OTHER),
        (bounce("Permanent", "General", status="5.2.1"), Bounce.SOFT),
        (bounce("Transient", "MailboxFull"), Bounce.SOFT),
        (bounce("Transient", "General", status="5.4.7"), Bounce.OTHER),
        (bounce("Transient", "General", status="5.0.0"), Bounce.SOFT),
        (bounce("Transient", "MessageTooLarge"), Bounce.OTHER),
        (bounce("Transient", "AttachmentRejected"), Bounce.OTHER),
        (bounce("Undetermined", "Undetermined"), Bounce.OTHER),
    ],
)
async def test_a_bounce_says_what_its_kind_says(read: Any, said: dict[str, Any], expected: Bounce) -> None:
    """A status first, then the kinds; "general" alone and the account's list say nothing of the address."""
    (fact,) = await read(said)
    assert (Kind.BOUNCED, expected) == (fact.kind, fact.bounce)


async def test_a_transient_bounce_without_a_status_may_be_an_automatic_answer(read: Any) -> None:
    """It moves nothing: a message that arrived must not look as if it had not."""
    (fact,) = await read(bounce("Transient", "General"))
    assert (Kind.DELAYED, None) == (fact.kind, fact.bounce)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (event("Delivery", {"recipients": ["ada@example.com"], "smtpResponse": "250 2.6.0 ok"}), Kind.DELIVERED),
        (event("DeliveryDelay", {"delayType": "MailboxFull", "delayedRecipients": [ADA]}), Kind.DELAYED),
        (event("Complaint", {"complainedRecipients": [ADA], "complaintFeedbackType": "abuse"}), Kind.COMPLAINED),
        (event("Complaint", {"complainedRecipients": [ADA]}), Kind.COMPLAINED),
        (event("Reject", {"reason": "Bad content"}), Kind.BOUNCED),
        (event("Subscription", {"newTopicPreferences": {"unsubscribeAll": True}}), Kind.UNSUBSCRIBED),
    ],
)
async def test_each_event_is_a_kind(read: Any, said: dict[str, Any], kind: Kind) -> None:
    """Of the recipient it is about."""
    (fact,) = await read(said)
    assert (kind, "ada@example.com", NOW_MS) == (fact.kind, fact.recipient, fact.at)


@pytest.mark.parametrize(
    "said",
    [
        event("Send", {}),
        event("Open", {"ipAddress": "192.0.2.1"}),
        event("Click", {"link": "https://acme.example/"}),
        {"eventType": "Rendering Failure", "failure": {"errorMessage": "x"}, "mail": MAIL},
        event("Complaint", {"complainedRecipients": [ADA], "complaintFeedbackType": "not-spam"}),
        event("Complaint", {"complainedRecipients": [ADA], "complaintFeedbackType": "auth-failure"}),
        event("Complaint", {"complainedRecipients": [ADA], "complaintSubType": "OnAccountSuppressionList"}),
        event("Subscription", {"newTopicPreferences": {"unsubscribeAll": False}}),
        event("AnythingNew", {}),
        {},
    ],
)
async def test_other_events_say_nothing(read: Any, said: dict[str, Any]) -> None:
    """Nor does whoever took a message out of the junk, nor a message that SES's own list stopped."""
    assert () == tuple(await read(said))


async def test_the_greeting_of_a_new_topic_says_nothing(read: Any) -> None:
    """SES publishes a sentence there, once."""
    assert () == tuple(await read("Successfully validated SNS topic for Amazon SES event publishing."))


async def test_each_recipient_is_a_fact_of_its_own(read: Any) -> None:
    """With an id of its own."""
    both = {"bouncedRecipients": [ADA, {"emailAddress": "Bob <bob@example.com>"}], "bounceType": "Permanent"}
    facts = await read(event("Bounce", {**both, "bounceSubType": "NoEmail"}))
    assert ["ada@example.com", "bob@example.com"] == [fact.recipient for fact in facts]
    assert 2 == len({fact.event_id for fact in facts})


async def test_a_notification_of_an_identity_is_read_alike(read: Any) -> None:
    """It has another name and no tags; the same event by both ways is one fact."""
    said = bounce("Permanent", "NoEmail")
    notification = {"notificationType": said["eventType"], "bounce": said["bounce"], "mail": dict(MAIL)}
    del notification["mail"]["tags"]
    (one,), (other,) = await read(said), await read(notification)
    assert (one.event_id, one.message_id) == (other.event_id, other.message_id)
    assert other.row_id is None


async def test_what_tells_events_apart_is_in_their_ids(read: Any) -> None:
    """Another message, report, recipient or kind is another fact; another delay too; a repetition is none."""
    said = bounce("Permanent", "NoEmail")
    delay = event("DeliveryDelay", {"delayedRecipients": [ADA]})
    ids = [
        (await read(body))[0].event_id
        for body in (
            said,
            said,
            said | {"mail": MAIL | {"messageId": "another"}},
            said | {"bounce": said["bounce"] | {"feedbackId": "another"}},
            said | {"bounce": said["bounce"] | {"bouncedRecipients": [{"emailAddress": "bob@example.com"}]}},
            delay,
            delay | {"deliveryDelay": delay["deliveryDelay"] | {"timestamp": "2026-11-24T01:00:00.000Z"}},
            event("Delivery", {"recipients": ["ada@example.com"]}),
        )
    ]
    assert ids[0] == ids[1]
    assert 7 == len(set(ids))


@pytest.mark.parametrize("message", ["", "{", "[]", "null", "[" * 100_000])
async def test_proven_and_not_as_documented_is_unreadable(read: Any, message: str) -> None:
    """Somebody publishes other things to the topic."""
    with pytest.raises(FeedbackUnreadable):
        await read(message)
