"""The whole way of what providers post: a mail goes out, its own header fields come back in an event, and it moves.

Every provider's post is signed here and travels over HTTP, in the content type that provider uses.
"""

import json
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.clock import SystemClock
from gatepost.events import Event, Events, FeedbackRefused, MessageAccepted
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import every
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport
from tests.feedback.posting import (
    AMAZON,
    LOGIN,
    MAILGUN_KEY,
    SECRET,
    TOPIC,
    Amazon,
    SendGridKey,
    Sns,
    by_sns,
    mailgun,
    postmark,
    standard,
)
from tests.support.certificates import make_authority

ADMIN = "a" * 40
now_ms = SystemClock().now_ms  # asked at each post: a run of all tests outlasts the window from its start
KEY = SendGridKey()
AMAZONS = Sns(from_ms=now_ms())
TEXT = "550 5.1.1 no such mailbox"


def _ses(mail: Message, to: str) -> Posted:
    tag = str(mail["X-SES-MESSAGE-TAGS"]).partition("=")[2]
    one = {"emailAddress": to, "status": "5.1.1", "diagnosticCode": f"smtp; {TEXT}"}
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [one], "feedbackId": "f"}
    event = {"eventType": "Bounce", "bounce": bounce, "mail": {"messageId": "m", "tags": {"gatepost": [tag]}}}
    return by_sns(AMAZONS.notification(event, at_ms=now_ms()))


def _postmark(mail: Message, to: str) -> Posted:
    return postmark(
        {
            "RecordType": "Bounce",
            "Type": "HardBounce",
            "ID": 1,
            "Email": to,
            "Details": TEXT,
            "Metadata": {"gatepost": mail["X-PM-Metadata-gatepost"]},
        }
    )


def _sendgrid(mail: Message, to: str) -> Posted:
    event = {"event": "bounce", "type": "bounce", "email": to, "sg_event_id": "e", "status": "5.1.1", "reason": TEXT}
    return KEY.post([event | {"smtp-id": mail["Message-ID"]}], at_s=now_ms() // 1000)


def _mailgun(mail: Message, to: str) -> Posted:
    headers = {"message-id": str(mail["Message-ID"]).strip("<>")}
    event = {"event": "failed", "severity": "permanent", "reason": "bounce", "recipient": to}
    return mailgun(
        event | {"message": {"headers": headers}, "delivery-status": {"message": TEXT}}, at_s=now_ms() // 1000
    )


def _resend(mail: Message, to: str) -> Posted:
    bounce = {"type": "Permanent", "subType": "General", "message": TEXT}
    data = {"message_id": mail["Message-ID"], "to": [to], "bounce": bounce}
    return standard({"type": "email.bounced", "data": data}, prefix="svix", at_s=now_ms() // 1000)


def _standard(mail: Message, to: str) -> Posted:
    data = {"message_id": mail["Message-ID"], "recipient": to, "detail": TEXT}
    return standard({"type": "message.bounced", "data": data}, at_s=now_ms() // 1000)


WAYS: dict[str, tuple[Callable[[Message, str], Posted], str]] = {
    "ses": (_ses, "text/plain; charset=UTF-8"),
    "postmark": (_postmark, "application/json"),
    "sendgrid": (_sendgrid, "application/json;charset=utf-8"),
    "mailgun": (_mailgun, "application/json"),
    "resend": (_resend, "application/json"),
    "standard": (_standard, "application/json"),
}


class Service:
    """A running service that sends into memory, and what it said."""

    def __init__(self, database_url: str) -> None:
        self.heard: list[Event] = []
        self.accepted = threading.Event()
        events = Events()
        events.subscribe(self._hear)
        self.transport = MemoryTransport()
        settings = Settings(
            database_url=database_url,
            secret_keys="0123456789abcdefghijklmnopqrstuv",
            admin_token=ADMIN,
            argon2_memory_kib=8,
            argon2_time_cost=1,
            mail_headers="X-PM-Metadata-gatepost: {id} | X-SES-MESSAGE-TAGS: gatepost={id}",
            feedback_ses_topics=TOPIC,
            feedback_postmark_login=LOGIN,
            feedback_sendgrid_key=KEY.shown,
            feedback_mailgun_key=MAILGUN_KEY,
            feedback_resend_secrets=SECRET,
            feedback_standard_secrets=SECRET,
        )
        app = create_app(Gatepost(settings, transport=self.transport, events=events))
        self.client = TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1))

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, MessageAccepted):
            self.accepted.set()

    def mail(self, to: str) -> Message:
        """Send one and return it as it went out."""
        self.accepted.clear()
        answer = self.client.post("/auth/register", json={"email": to, "password": "correct horse battery"})
        assert 202 == answer.status_code
        assert self.accepted.wait(10)
        return message_from_bytes(self.transport.messages[-1].content)

    def post(self, name: str, posted: Posted, kind: str) -> Any:
        headers = {**posted.headers, "content-type": kind}
        return self.client.post(f"/feedback/{name}", content=posted.body, headers=headers)

    def get(self, path: str, **wanted: str) -> Any:
        answer = self.client.get(path, params=wanted, headers={"authorization": f"Bearer {ADMIN}"})
        assert 200 == answer.status_code, answer.text
        return answer.json()


@pytest.fixture
def amazon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Amazon]:
    """Amazon's host, which every service of these tests reaches under its name."""
    (folder := tmp_path / "authority").mkdir()
    authority = make_authority(folder)
    amazon = Amazon(AMAZONS.pem)
    monkeypatch.setattr(every, "Fetch", lambda: amazon.fetch(authority.trusting()))
    serving = amazon.serving(authority.serving(f"DNS:{AMAZON}"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving):
        yield amazon


@pytest.fixture
def service(amazon: Amazon, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.chdir(tmp_path)
    service = Service(database_url)
    with service.client:
        yield service


def test_a_bounce_that_a_provider_posts_moves_its_message(service: Service) -> None:
    """The message bounced, its address is suppressed, and the same post again changes nothing."""
    for name, (make, kind) in WAYS.items():
        to = f"{name}@example.com"
        mail = service.mail(to)
        row_id = str(mail["X-PM-Metadata-gatepost"])
        for _ in range(2):
            answer = service.post(name, make(mail, to), kind)
            assert (200, {"status": "ok"}) == (answer.status_code, answer.json())
        shown = service.get(f"/mail/messages/{row_id}")
        assert "bounced" == shown["message"]["state"]
        assert [(name, "bounced", "hard", "5.1.1")] == [
            (one["source"], one["kind"], one["bounce"], one["status"]) for one in shown["feedback"]
        ]
        (suppression,) = service.get("/mail/suppressions", recipient=to)["suppressions"]
        assert ("hard_bounce", name) == (suppression["reason"], suppression["source"])


def test_one_event_twice_in_a_post_is_one(service: Service) -> None:
    """SendGrid may batch a repetition with its first; and what is about nobody is answered alike."""
    mail = service.mail("ada@example.com")
    (one,) = json.loads(_sendgrid(mail, "ada@example.com").body)
    stranger = one | {"smtp-id": "<none@of.ours>", "email": "stranger@example.com", "sg_event_id": "s"}
    answer = service.post("sendgrid", KEY.post([one, stranger, one], at_s=now_ms() // 1000), "application/json")
    assert 200 == answer.status_code
    shown = service.get(f"/mail/messages/{mail['X-PM-Metadata-gatepost']}")
    assert ("bounced", 1) == (shown["message"]["state"], len(shown["feedback"]))


def test_s113_a_post_with_another_body_changes_nothing(service: Service) -> None:
    """What is not proven is answered 401, told to the log by its provider, and moves no message."""
    mail = service.mail("ada@example.com")
    for name, (make, kind) in WAYS.items():
        posted = make(mail, "ada@example.com")
        headers = {field: value.replace("Basic ", "Basic x") for field, value in posted.headers.items()}
        body = json.loads(posted.body)
        body = body[:0] if isinstance(body, list) else {**body, "Message": "other", "signature": {}, "type": "other"}
        answer = service.client.post(f"/feedback/{name}", json=body, headers=headers | {"content-type": kind})
        assert (401, "feedback_not_proven") == (answer.status_code, answer.json()["code"])
    assert list(WAYS) == [event.source for event in service.heard if isinstance(event, FeedbackRefused)]
    shown = service.get(f"/mail/messages/{mail['X-PM-Metadata-gatepost']}")
    assert ("accepted", []) == (shown["message"]["state"], shown["feedback"])


def test_a_subscription_of_a_topic_is_confirmed_over_http(service: Service, amazon: Amazon) -> None:
    """SNS gets its 200, and its URL was asked for."""
    answer = service.post("ses", by_sns(AMAZONS.subscription(at_ms=now_ms())), "text/plain; charset=UTF-8")
    assert 200 == answer.status_code
    assert any("Action=ConfirmSubscription" in target for target in amazon.asked)
