"""Amazon SNS: who signed a post, for which topic, and what is asked of whom to find that out.

The scheme is that of docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
"""

import asyncio
import json
from typing import Any

import pytest

from gatepost.errors import FeedbackUnreadable, NotProven, TryLater
from gatepost.feedback.fact import Kind
from gatepost.feedback.providers.certificates import KEPT_S, MAX_FETCHES_A_MINUTE, MAX_WAITING, Certificates
from gatepost.feedback.providers.ses import Ses
from tests.feedback.posting import (
    AMAZON,
    CERTIFICATE,
    NOW_MS,
    OTHER_TOPIC,
    TOPIC,
    WINDOW_S,
    Amazon,
    Sns,
    answer,
    as_json,
    by_sns,
    posted,
)
from tests.support.certificates import Authority, make_authority

URL = f"https://{AMAZON}{CERTIFICATE}"
EVENT = {
    "eventType": "Delivery",
    "mail": {"messageId": "EXAMPLE7c191be45", "destination": ["ada@example.com"]},
    "delivery": {"recipients": ["ada@example.com"], "timestamp": "2026-11-24T00:00:00.000Z", "smtpResponse": "250 ok"},
}


async def refused(ses: Ses, envelope: object) -> str:
    with pytest.raises(NotProven) as refusal:
        await ses.read(by_sns(envelope))
    return str(refusal.value)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_both_versions_of_the_signature_prove(ses: Ses, sns: Sns, version: str) -> None:
    """Version 1 is SHA-1, which SNS still uses unless told otherwise; version 2 is SHA-256."""
    (fact,) = await ses.read(by_sns(sns.notification(EVENT, version=version)))
    assert (Kind.DELIVERED, "ada@example.com") == (fact.kind, fact.recipient)


async def test_a_subject_is_signed_where_there_is_one(ses: Ses, sns: Sns) -> None:
    """SES sets one on the notifications of an identity."""
    envelope = sns.notification(EVENT, Subject="Amazon SES Email Event Notification\n")
    assert 1 == len(await ses.read(by_sns(envelope)))
    assert "the signature does not fit" == await refused(ses, envelope | {"Subject": "another"})
    del envelope["Subject"]
    assert "the signature does not fit" == await refused(ses, envelope)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp"])
async def test_s113_what_is_signed_cannot_be_changed(ses: Ses, sns: Sns, name: str) -> None:
    """Each signed field, changed within what is allowed, and left out."""
    envelope = sns.notification(EVENT)
    changed = {
        "Message": json.dumps({**EVENT, "eventType": "Bounce"}),
        "MessageId": "x",
        "Timestamp": "2026-11-24T00:00:01Z",
    }
    assert "the signature does not fit" == await refused(ses, envelope | {name: changed[name]})
    del envelope[name]
    assert await refused(ses, envelope)


async def test_a_type_cannot_be_changed_into_another(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """What SNS signed as a notification confirms no subscription, whatever is added to it."""
    envelope = sns.notification(EVENT)
    added = {
        "Type": "SubscriptionConfirmation",
        "Token": "t",
        "SubscribeURL": f"https://{AMAZON}/?Action=ConfirmSubscription",
    }
    assert "the signature does not fit" == await refused(ses, envelope | added)
    assert [CERTIFICATE] == amazon.asked


@pytest.mark.parametrize(
    "forged",
    [
        {"Signature": ""},
        {"Signature": "!"},
        {"Signature": None},
        {"Signature": "AAAA"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": 2},
        {"SignatureVersion": None},
        {"SignatureVersion": "1"},
        {"Type": "Other"},
        {"Type": None},
        {"Type": ["Notification"]},
    ],
)
async def test_what_is_no_signature_does_not_prove(ses: Ses, sns: Sns, forged: dict[str, Any]) -> None:
    """Another version than the one it was made with is none either."""
    assert await refused(ses, sns.notification(EVENT) | forged)


async def test_s113_a_topic_of_somebody_else_is_refused(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """Everybody can have SNS sign with the same key: it is refused before anything is fetched for it."""
    assert "FEEDBACK_SES_TOPICS" in await refused(ses, sns.notification(EVENT, topic=OTHER_TOPIC))
    assert "FEEDBACK_SES_TOPICS" in await refused(ses, sns.notification(EVENT, topic=TOPIC + "x"))
    assert "FEEDBACK_SES_TOPICS" in await refused(ses, sns.notification(EVENT) | {"TopicArn": [TOPIC]})
    assert [] == amazon.asked


@pytest.mark.parametrize("apart_s", [-WINDOW_S - 1, WINDOW_S + 1])
async def test_s113_outside_of_the_window_it_is_refused(ses: Ses, sns: Sns, amazon: Amazon, apart_s: int) -> None:
    """A copy that is posted again later proves nothing, and nothing is fetched for it."""
    assert "FEEDBACK_WINDOW_S" in await refused(ses, sns.notification(EVENT, at_ms=NOW_MS + apart_s * 1000))
    assert [] == amazon.asked


@pytest.mark.parametrize("timestamp", ["", "yesterday", None, 5, "9999-99-99T00:00:00Z"])
async def test_without_a_time_it_is_refused(ses: Ses, sns: Sns, timestamp: object) -> None:
    """What has no time could be posted at any."""
    assert "FEEDBACK_WINDOW_S" in await refused(ses, sns.notification(EVENT) | {"Timestamp": timestamp})


@pytest.mark.parametrize(
    "url",
    [
        "",
        f"http://{AMAZON}{CERTIFICATE}",
        f"HTTPS://{AMAZON}{CERTIFICATE}",
        f"ftp://{AMAZON}{CERTIFICATE}",
        f"https://{AMAZON}:443{CERTIFICATE}",
        f"https://{AMAZON}:8443{CERTIFICATE}",
        f"https://x@{AMAZON}{CERTIFICATE}",
        f"https://{AMAZON}@evil.example{CERTIFICATE}",
        f"https://evil.example/https://{AMAZON}{CERTIFICATE}",
        f"https://evil.example#{AMAZON}{CERTIFICATE}",
        f"https://evil.example\\@{AMAZON}{CERTIFICATE}",
        f"https://{AMAZON}.evil.example{CERTIFICATE}",
        f"https://evil{AMAZON}{CERTIFICATE}",
        f"https://sns.evil.example.amazonaws.com{CERTIFICATE}",
        f"https://sns.eu-west-1.amazonaws.com.evil.example{CERTIFICATE}",
        f"https://sns.eu-west-1.amazonaws.co{CERTIFICATE}",
        f"https://sns.eu-west-1.amazonaws.com.{CERTIFICATE}",
        f"https://sns.eu-west-1xamazonaws.com{CERTIFICATE}",
        f"https://s3.eu-west-1.amazonaws.com{CERTIFICATE}",
        f"https://sns.amazonaws.com{CERTIFICATE}",
        f"https://SNS.EU-WEST-1.AMAZONAWS.COM{CERTIFICATE}",
        f"https://{AMAZON}/",
        f"https://{AMAZON}/../evil.pem",
        f"https://{AMAZON}/x{CERTIFICATE}",
        f"https://{AMAZON}{CERTIFICATE}?x=1",
        f"https://{AMAZON}{CERTIFICATE}#x",
        f"https://{AMAZON}{CERTIFICATE}\n",
        f"https://{AMAZON}/SimpleNotificationService-%2e%2e%2fevil.pem",
        f" https://{AMAZON}{CERTIFICATE}",
        f"https://sns.eu–west–1.amazonaws.com{CERTIFICATE}",
        f"//{AMAZON}{CERTIFICATE}",
        CERTIFICATE,
        "file:///etc/passwd",
        "https://127.0.0.1/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem",
        "https://[::1]/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem",
        "https://169.254.169.254/latest/meta-data",
    ],
)
async def test_s113_no_other_host_is_asked_for_a_certificate(ses: Ses, sns: Sns, amazon: Amazon, url: str) -> None:
    """Whoever wrote the URL would choose the key, and whom this machine connects to."""
    envelope = sns.notification(EVENT) | {"SigningCertURL": url}
    assert "SigningCertURL is not where SNS keeps its certificates" == await refused(ses, envelope)
    assert [] == amazon.asked


@pytest.mark.parametrize("host", [AMAZON, "sns.us-gov-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"])
async def test_amazons_hosts_of_every_region_are_asked(sns: Sns, authority: Authority, host: str) -> None:
    """Also those of the regions with a partition of their own."""
    async with Amazon(sns.pem).serving(authority.serving(f"DNS:{host}")) as amazon:
        ses = Ses((TOPIC,), WINDOW_S, amazon.fetch(authority.trusting()))
        assert 1 == len(await ses.read(by_sns(sns.notification(EVENT, url=f"https://{host}{CERTIFICATE}"))))


async def test_a_host_that_is_not_amazons_is_found_out(sns: Sns, authority: Authority) -> None:
    """Whoever answers in Amazon's place, by the DNS or on the line, has no certificate for its name."""
    async with Amazon(sns.pem).serving(authority.serving("DNS:sns.evil.example")) as impostor:
        ses = Ses((TOPIC,), WINDOW_S, impostor.fetch(authority.trusting()))
        with pytest.raises(TryLater, match="SSLCertVerificationError"):
            await ses.read(by_sns(sns.notification(EVENT)))
    assert [] == impostor.asked


async def test_a_host_nobody_vouches_for_is_found_out(
    sns: Sns, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its name is right, and its authority is none of ours."""
    other = make_authority(tmp_path_factory.mktemp("other"))
    async with Amazon(sns.pem).serving(other.serving(f"DNS:{AMAZON}")) as impostor:
        ses = Ses((TOPIC,), WINDOW_S, impostor.fetch(authority.trusting()))
        with pytest.raises(TryLater, match="SSLCertVerificationError"):
            await ses.read(by_sns(sns.notification(EVENT)))
    assert [] == impostor.asked


async def test_a_certificate_is_fetched_once_a_day(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """And again after that."""
    for _ in range(3):
        await ses.read(by_sns(sns.notification(EVENT)))
    assert [CERTIFICATE] == amazon.asked
    later_ms = NOW_MS + KEPT_S * 1000
    again = posted(as_json(sns.notification(EVENT, at_ms=later_ms)), {}, now_ms=later_ms)
    assert 1 == len(await ses.read(again))
    assert [CERTIFICATE] * 2 == amazon.asked


async def test_a_stranger_cannot_have_certificates_fetched_without_end(
    sns: Sns, amazon: Amazon, authority: Authority
) -> None:
    """What is known is used all the while; a minute later others are fetched again."""
    certificates = Certificates(amazon.fetch(authority.trusting()))
    await certificates.key(URL, NOW_MS)
    amazon.otherwise = answer(b"no", "403 Forbidden")
    named = [f"https://{AMAZON}/SimpleNotificationService-{number:032}.pem" for number in range(MAX_FETCHES_A_MINUTE)]
    for url in named[:-1]:
        with pytest.raises(NotProven, match="403"):
            await certificates.key(url, NOW_MS)
    with pytest.raises(TryLater, match="too many certificates"):
        await certificates.key(named[-1], NOW_MS + 59_999)
    assert MAX_FETCHES_A_MINUTE == len(amazon.asked)
    await certificates.key(URL, NOW_MS + 59_999)
    with pytest.raises(NotProven, match="403"):
        await certificates.key(named[-1], NOW_MS + 60_000)


async def test_only_so_many_posts_wait_for_a_certificate(sns: Sns, amazon: Amazon, authority: Authority) -> None:
    """One fetch serves all who wait; whoever comes on top posts again later."""
    certificates = Certificates(amazon.fetch(authority.trusting()))
    amazon.held.clear()
    waiting = [asyncio.create_task(certificates.key(URL, NOW_MS)) for _ in range(MAX_WAITING)]
    await amazon.was_asked.wait()
    with pytest.raises(TryLater, match="too many posts wait"):
        await certificates.key(URL, NOW_MS)
    amazon.held.set()
    assert 1 == len(set(await asyncio.gather(*waiting)))
    assert [CERTIFICATE] == amazon.asked


@pytest.mark.parametrize(
    "lies", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_what_is_no_certificate_proves_nothing(ses: Ses, sns: Sns, amazon: Amazon, lies: bytes) -> None:
    """Whatever lies there instead."""
    amazon.answers[CERTIFICATE] = answer(lies)
    assert "what lies at SigningCertURL is no certificate" == await refused(ses, sns.notification(EVENT))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Sns(from_ms=NOW_MS - 90 * 86_400_000), "is not valid now"),
        (Sns(from_ms=NOW_MS + 2 * 86_400_000), "is not valid now"),
        (Sns(bits=1024), "has no RSA key of 2048 bits"),
    ],
)
async def test_an_old_an_early_and_a_weak_certificate_prove_nothing(
    ses: Ses, amazon: Amazon, other: Sns, why: str
) -> None:
    """Though each fits what it signed."""
    amazon.answers[CERTIFICATE] = answer(other.pem)
    assert why in await refused(ses, other.notification(EVENT))


async def test_another_key_does_not_prove(ses: Ses) -> None:
    """A signature by whoever has no key of Amazon's is none."""
    assert "the signature does not fit" == await refused(ses, Sns().notification(EVENT))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}"])
async def test_what_cannot_be_read_is_not_proven(ses: Ses, body: bytes) -> None:
    """The signature stands in the body, so a body that is cut off has none."""
    with pytest.raises(NotProven):
        await ses.read(by_sns(body))


async def test_raw_delivery_is_refused_with_the_way_out(ses: Ses) -> None:
    """It leaves out the signature."""
    with pytest.raises(NotProven, match="raw message delivery"):
        await ses.read(posted(as_json(EVENT), {"x-amz-sns-rawdelivery": "true"}))


# Subscriptions


async def test_a_subscription_to_our_topic_is_confirmed(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """By the GET that SNS asks for; it says nothing of any message."""
    envelope = sns.subscription()
    assert () == tuple(await ses.read(by_sns(envelope)))
    assert [CERTIFICATE, envelope["SubscribeURL"].removeprefix(f"https://{AMAZON}")] == amazon.asked


async def test_a_subscription_to_another_topic_is_not_confirmed(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """Else anybody could make us a listener of theirs."""
    assert "FEEDBACK_SES_TOPICS" in await refused(ses, sns.subscription(topic=OTHER_TOPIC))
    assert [] == amazon.asked


async def test_a_forged_subscription_is_not_confirmed(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """The URL is signed."""
    envelope = sns.subscription() | {"SubscribeURL": f"https://{AMAZON}/?Action=ConfirmSubscription&Token=other"}
    assert "the signature does not fit" == await refused(ses, envelope)
    assert [CERTIFICATE] == amazon.asked


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        f"http://{AMAZON}/?Action=ConfirmSubscription",
        f"https://{AMAZON}:8443/?Action=ConfirmSubscription",
        f"https://u:p@{AMAZON}/?Action=ConfirmSubscription",
        f"https://{AMAZON}.evil.example/?Action=ConfirmSubscription",
        f"https://{AMAZON}/?Action=Publish",
        f"https://{AMAZON}/other?Action=ConfirmSubscription",
        f"https://{AMAZON}/?Action=ConfirmSubscription HTTP/1.1\r\nHost: evil.example",
        "https://169.254.169.254/?Action=ConfirmSubscription",
    ],
)
async def test_s113_a_subscription_is_confirmed_nowhere_else(ses: Ses, sns: Sns, amazon: Amazon, url: str) -> None:
    """Not even where SNS itself signed it."""
    with pytest.raises(FeedbackUnreadable, match="SubscribeURL"):
        await ses.read(by_sns(sns.subscription(subscribe_url=url)))
    assert [CERTIFICATE] == amazon.asked


async def test_a_subscription_that_amazon_does_not_confirm_is_told(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """The token was too old, or was used."""
    amazon.otherwise = answer(b"<ErrorResponse/>", "400 Bad Request")
    with pytest.raises(FeedbackUnreadable, match="400"):
        await ses.read(by_sns(sns.subscription()))


async def test_a_redirect_is_not_followed(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """For the certificate it proves nothing; for a subscription nothing is confirmed."""
    amazon.otherwise = answer(b"", "302 Found", "Location: https://evil.example/\r\n")
    with pytest.raises(FeedbackUnreadable, match="302"):
        await ses.read(by_sns(sns.subscription()))
    amazon.answers[CERTIFICATE] = amazon.otherwise
    url = URL.replace("7506", "7507")
    assert "302" in await refused(ses, sns.notification(EVENT, url=url))
    assert all("evil" not in target for target in amazon.asked)


async def test_the_end_of_a_subscription_says_nothing(ses: Ses, sns: Sns, amazon: Amazon) -> None:
    """It is not confirmed again by itself: somebody ended it."""
    assert () == tuple(await ses.read(by_sns(sns.subscription(kind="UnsubscribeConfirmation"))))
    assert [CERTIFICATE] == amazon.asked
