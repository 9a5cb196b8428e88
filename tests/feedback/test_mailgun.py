"""Mailgun: a signature inside the body, and the events that documentation.mailgun.com documents."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers.mailgun import Mailgun
from tests.feedback.posting import MAILGUN_KEY, NOW_MS, NOW_S, ROW_ID, TOKEN, WINDOW_S, mailgun

MAILGUN = Mailgun(SecretStr(MAILGUN_KEY), WINDOW_S)


def event(kind: str = "failed", **more: Any) -> dict[str, Any]:
    return {
        "event": kind,
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": NOW_S - 1.25,
        "recipient": "ada@example.com",
        "recipient-domain": "example.com",
        "message": {"headers": {"message-id": "abc@acme.example", "to": "Ada <ada@example.com>"}},
        "user-variables": {},
    } | more


def failed(reason: str = "bounce", severity: str = "permanent", **status: Any) -> dict[str, Any]:
    return event(reason=reason, severity=severity, **{"delivery-status": status})


def with_signature(post: Posted, **fields: Any) -> Posted:
    whole = json.loads(post.body)
    whole["signature"] |= fields
    return replace(post, body=json.dumps(whole).encode())


async def refused(post: Posted) -> str:
    with pytest.raises(NotProven) as refusal:
        await MAILGUN.read(post)
    return str(refusal.value)


async def test_a_failure_is_a_fact() -> None:
    """The token is its id, and what the recipient's server said is kept."""
    said = failed(code=550, message="5.1.1 no such user", description="", **{"enhanced-code": "5.1.1"})
    expected = Fact(
        source="mailgun",
        event_id=TOKEN,
        kind=Kind.BOUNCED,
        at=NOW_MS - 1250,
        bounce=Bounce.HARD,
        message_id="abc@acme.example",
        recipient="ada@example.com",
        status="5.1.1",
        text="5.1.1 no such user",
    )
    assert [expected] == list(await MAILGUN.read(mailgun(said)))


@pytest.mark.parametrize(
    ("body", "kind", "bounce"),
    [
        (event("delivered"), Kind.DELIVERED, None),
        (event("complained"), Kind.COMPLAINED, None),
        (event("unsubscribed"), Kind.UNSUBSCRIBED, None),
        (failed(severity="temporary", message="452 4.2.2 full"), Kind.DELAYED, None),
        (event("failed"), Kind.DELAYED, None),
        (failed(message="550 5.7.1 spam"), Kind.BOUNCED, Bounce.OTHER),
        (failed(message="552 5.2.2 full"), Kind.BOUNCED, Bounce.SOFT),
        (failed(code=550, message="550 no"), Kind.BOUNCED, Bounce.OTHER),
        (failed(code=550, message="550 no", **{"bounce-type": "hard"}), Kind.BOUNCED, Bounce.HARD),
        (failed(code=550, message="550 no", **{"bounce-type": "soft"}), Kind.BOUNCED, Bounce.SOFT),
        (failed("suppress-bounce", code=605, message=""), Kind.BOUNCED, Bounce.HARD),
        (failed("suppress-complaint", code=607), Kind.BOUNCED, Bounce.OTHER),
        (failed("generic", **{"bounce-type": "hard"}), Kind.BOUNCED, Bounce.OTHER),
        (event("rejected", reject={"reason": "Sandbox", "description": ""}), Kind.BOUNCED, Bounce.OTHER),
    ],
)
async def test_each_event_is_a_kind(body: dict[str, Any], kind: Kind, bounce: Bounce | None) -> None:
    """What Mailgun goes on trying is no bounce; a status says more than "hard"."""
    (fact,) = await MAILGUN.read(mailgun(body))
    assert (kind, bounce) == (fact.kind, fact.bounce)


@pytest.mark.parametrize("kind", ["accepted", "opened", "clicked", "stored", "list_member_uploaded"])
async def test_other_events_say_nothing(kind: str) -> None:
    """They are answered and forgotten."""
    assert () == tuple(await MAILGUN.read(mailgun(event(kind))))


async def test_our_own_id_is_read_from_the_variables() -> None:
    """Where the host sets one."""
    (fact,) = await MAILGUN.read(mailgun(event("delivered", **{"user-variables": {"gatepost": ROW_ID}})))
    assert uuid.UUID(ROW_ID) == fact.row_id


async def test_s113_another_event_under_a_seen_signature_is_a_repetition() -> None:
    """The signature is not about the event: what makes a token single is that it is the id of the fact."""
    seen = mailgun(event("delivered"))
    forged = mailgun(event("complained", id="another"))
    forged = with_signature(forged, **json.loads(seen.body)["signature"])
    assert (await MAILGUN.read(seen))[0].event_id == (await MAILGUN.read(forged))[0].event_id


@pytest.mark.parametrize(
    "forged",
    [
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": None},
        {"signature": 5},
        {"token": TOKEN[:-1] + "0"},
        {"token": ""},
        {"token": None},
        {"token": "x" * 500},
        {"timestamp": str(NOW_S + 1)},
        {"timestamp": None},
        {"timestamp": True},
        {"timestamp": f"{NOW_S}.0"},
        {"timestamp": [NOW_S]},
    ],
)
async def test_s113_what_is_signed_cannot_be_changed(forged: dict[str, Any]) -> None:
    """Token, time and signature are bound to each other."""
    assert await refused(with_signature(mailgun(event()), **forged))


async def test_a_time_cannot_be_moved_into_the_token() -> None:
    """Both are signed without a sign between them: a digit moved from one to the other is another time, and refused."""
    post = mailgun(event())
    moved = with_signature(post, timestamp=str(NOW_S)[:-1], token=str(NOW_S)[-1] + TOKEN)
    assert "FEEDBACK_WINDOW_S" in await refused(moved)


async def test_a_time_may_be_a_number() -> None:
    """Mailgun's page calls it a number and shows it as text."""
    assert 1 == len(await MAILGUN.read(with_signature(mailgun(event()), timestamp=NOW_S)))


async def test_another_key_does_not_prove() -> None:
    """A signature with a key we do not have is none."""
    assert "the signature does not fit" == await refused(mailgun(event(), key="another-key-of-mailgun"))


@pytest.mark.parametrize("token", ["", "short", "x" * 201, "a b" * 10, "é" * 30, "x" * 2000])
async def test_a_token_that_cannot_be_an_id_is_refused(token: str) -> None:
    """Even where it is signed."""
    assert "signature.token" in await refused(mailgun(event(), token=token))


@pytest.mark.parametrize("apart_s", [-WINDOW_S - 1, WINDOW_S + 1])
async def test_s113_outside_of_the_window_it_is_refused(apart_s: int) -> None:
    """A copy that is posted again later proves nothing."""
    assert "FEEDBACK_WINDOW_S" in await refused(mailgun(event(), at_s=NOW_S + apart_s))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"signature":[]}', b'{"signature":null}', b"\xff\xfe"])
async def test_what_cannot_be_read_is_not_proven(body: bytes) -> None:
    """The signature stands in the body, so a body that is cut off has none."""
    assert await refused(replace(mailgun(event()), body=body))


async def test_proven_and_not_as_documented_is_unreadable() -> None:
    """Signed, and without an event."""
    with pytest.raises(FeedbackUnreadable):
        await MAILGUN.read(mailgun(["failed"]))
