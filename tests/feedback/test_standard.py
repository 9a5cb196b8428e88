"""Standard Webhooks: what is proven, what is refused, and the body of ours.

The scheme is that of github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, version 1.0.0.
"""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers.standard import MAX_SIGNATURES, Standard
from tests.feedback.posting import NOW_MS, NOW_S, OTHER_SECRET, ROW_ID, SECRET, WINDOW_S, standard

STANDARD = Standard([SecretStr(SECRET)], WINDOW_S)


def event(kind: str = "message.bounced", **data: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "2026-11-23T23:59:00.5Z", "data": {"id": ROW_ID} | data}


async def refused(post: Posted, provider: Standard = STANDARD) -> str:
    with pytest.raises(NotProven) as refusal:
        await provider.read(post)
    return str(refusal.value)


def changed(post: Posted, **headers: str | None) -> Posted:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(post, headers={name: value for name, value in (post.headers | fields).items() if value is not None})


async def test_a_signed_post_is_one_fact() -> None:
    """Every field of the documented body reaches the fact."""
    data = {"message_id": "<abc@acme.example>", "recipient": "ada@example.com", "status": "5.1.1"}
    facts = await STANDARD.read(standard(event(**data, detail="550 5.1.1 no such\r\nmailbox", bounce="hard")))
    expected = Fact(
        source="standard",
        event_id="msg_2KWPBgLlAfxdpx2A",
        kind=Kind.BOUNCED,
        at=NOW_MS - 59_500,
        bounce=Bounce.HARD,
        row_id=uuid.UUID(ROW_ID),
        message_id="abc@acme.example",
        recipient="ada@example.com",
        status="5.1.1",
        text="550 5.1.1 no such mailbox",
    )
    assert [expected] == list(facts)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("message.delivered", Kind.DELIVERED),
        ("message.delayed", Kind.DELAYED),
        ("message.bounced", Kind.BOUNCED),
        ("message.complained", Kind.COMPLAINED),
        ("message.unsubscribed", Kind.UNSUBSCRIBED),
    ],
)
async def test_each_type_is_a_kind(kind: str, expected: Kind) -> None:
    """The five types there are; only a bounce says what it says of the address."""
    (fact,) = await STANDARD.read(standard(event(kind)))
    assert expected is fact.kind
    assert (expected is Kind.BOUNCED) == (fact.bounce is not None)


async def test_another_type_says_nothing() -> None:
    """A type we do not know is taken and forgotten, so that it is not posted again."""
    assert () == tuple(await STANDARD.read(standard(event("message.opened"))))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"bounce": "hard"}, Bounce.HARD),
        ({"bounce": "soft"}, Bounce.SOFT),
        ({}, Bounce.OTHER),
        ({"bounce": "permanent"}, Bounce.OTHER),
        ({"bounce": "soft", "status": "5.1.1"}, Bounce.HARD),
        ({"bounce": "hard", "status": "5.7.1"}, Bounce.OTHER),
        ({"bounce": "hard", "status": "4.2.2"}, Bounce.SOFT),
        ({"bounce": "hard", "status": "5.0.0"}, Bounce.HARD),
        ({"bounce": "hard", "detail": "smtp; 550 5.7.1 blocked"}, Bounce.OTHER),
    ],
)
async def test_a_status_is_believed_before_the_word(data: dict[str, str], expected: Bounce) -> None:
    """What the recipient's server said of it decides; the sender of the post only where it said nothing."""
    (fact,) = await STANDARD.read(standard(event(**data)))
    assert expected is fact.bounce


@pytest.mark.parametrize("field", ["webhook_id", "webhook_timestamp", "webhook_signature"])
async def test_without_a_header_field_nothing_is_proven(field: str) -> None:
    """Each of the three is needed."""
    assert field.replace("_", "-") in await refused(changed(standard(event()), **{field: None}))


@pytest.mark.parametrize(
    "forged",
    [
        {"webhook_id": "msg_other"},
        {"webhook_timestamp": str(NOW_S + 1)},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1a,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
        {"webhook_signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
        {"webhook_signature": "v1,\udcff"},
    ],
)
async def test_what_is_signed_cannot_be_changed(forged: dict[str, str]) -> None:
    """The id, the time and the signature are bound to each other."""
    assert "no signature fits" == await refused(changed(standard(event()), **forged))


async def test_s113_every_byte_of_the_body_is_signed() -> None:
    """A changed, a shortened and a lengthened body are all refused, even where they are the same JSON."""
    post = standard(event())
    for body in (post.body.replace(b"bounced", b"delayed"), post.body[:-1], post.body + b" ", b""):
        assert "no signature fits" == await refused(replace(post, body=body))


async def test_another_secret_does_not_prove() -> None:
    """A signature with a key we do not have is none."""
    assert "no signature fits" == await refused(standard(event(), secret=OTHER_SECRET))


async def test_two_secrets_both_prove() -> None:
    """While a secret is replaced, what is signed with either is taken, and what carries both signatures too."""
    both = Standard([SecretStr(OTHER_SECRET), SecretStr(SECRET)], WINDOW_S)
    old, new = standard(event(), secret=SECRET), standard(event(), secret=OTHER_SECRET)
    signatures = f"{old.headers['webhook-signature']} {new.headers['webhook-signature']}"
    for post in (old, new, changed(old, webhook_signature=signatures)):
        assert 1 == len(await both.read(post))
    assert 1 == len(await STANDARD.read(changed(old, webhook_signature=signatures)))


async def test_only_so_many_signatures_are_looked_at() -> None:
    """A field full of signatures costs no more than MAX_SIGNATURES comparisons."""
    post = standard(event())
    right = post.headers["webhook-signature"]
    within = " ".join(["v1,AAAA"] * (MAX_SIGNATURES - 1) + [right])
    assert 1 == len(await STANDARD.read(changed(post, webhook_signature=within)))
    assert "no signature fits" == await refused(changed(post, webhook_signature=f"v1,AAAA {within}"))


@pytest.mark.parametrize("apart_s", [-WINDOW_S, WINDOW_S])
async def test_at_the_edge_of_the_window_it_is_taken(apart_s: int) -> None:
    """Clocks differ, so the window reaches both ways."""
    assert 1 == len(await STANDARD.read(standard(event(), at_s=NOW_S + apart_s)))


@pytest.mark.parametrize("apart_s", [-WINDOW_S - 1, WINDOW_S + 1, -NOW_S])
async def test_s113_outside_of_the_window_it_is_refused(apart_s: int) -> None:
    """A copy that is posted again later proves nothing."""
    assert "FEEDBACK_WINDOW_S" in await refused(standard(event(), at_s=NOW_S + apart_s))


@pytest.mark.parametrize("timestamp", ["", "1e9", "-5", "１７９５", "9" * 13, "1795478400.0"])
async def test_a_timestamp_is_whole_seconds(timestamp: str) -> None:
    """Nothing else is read as a time."""
    assert await refused(changed(standard(event()), webhook_timestamp=timestamp))


async def test_an_id_holds_no_dot() -> None:
    """The dot parts what is signed: an id with one could be read as another id and another time."""
    assert "its id is not written as one" == await refused(standard(event(), own_id="msg.1"))


async def test_s113_the_same_post_twice_is_the_same_fact() -> None:
    """The id of the post is the id of the fact, whatever time a repetition is signed at."""
    first = await STANDARD.read(standard(event()))
    again = await STANDARD.read(standard(event(), at_s=NOW_S + 60))
    other = await STANDARD.read(standard(event(), own_id="msg_other"))
    assert first == again
    assert first[0].event_id != other[0].event_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff",
        b'{"type":NaN}',
        b"[" * 100_000,
        b'{"type":"message.bounced"}',
        b'{"type":"message.bounced","data":[]}',
        b'{"type":"message.bounced","data":{"recipient":"nobody"}}',
    ],
)
async def test_proven_and_not_as_documented_is_unreadable(body: bytes) -> None:
    """What the holder of the key posts in another shape is told apart from a forgery."""
    with pytest.raises(FeedbackUnreadable):
        await STANDARD.read(standard(body))
