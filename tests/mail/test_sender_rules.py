"""What mailbox providers ask of senders, held against every mail of ours: each template, language and sample.

Gmail and Yahoo ask it of whoever writes much, RFC 5322, 2369, 2919, 3834 and 8058 say how it is written.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from gatepost.accounts import messages
from gatepost.accounts.messages import To
from gatepost.mail.check import MAX_LINE_BYTES
from gatepost.mail.compose import Composer
from gatepost.mail.draft import Draft, IfUnknown
from gatepost.mail.samples import FOR_SAFETY, SAMPLES, Sample, sample
from gatepost.mail.unsubscribe import UnsubscribeLinks
from gatepost.outbox.claim import Claimed
from gatepost.parts import compose_with
from gatepost.suppression.hiding import Hiding
from tests.support.every_mail import EVERY, NOW_MS, SITE, TEMPLATES

ROW_ID = uuid.UUID("0192f0c1-7a6b-7c3d-8e4f-a1b2c3d4e5f6")
HIDING = Hiding(["s" * 40])
LINKS = UnsubscribeLinks([b"k" * 32], SITE, HIDING.digest)
TAG = "X-SES-MESSAGE-TAGS"
SENDERS = (
    "hello@acme.example",
    "Acme <no-reply@mail.acme.example>",
    "Bücher & Söhne, 李小龙 <hello@acme.example>",
)
ONCE = (
    *("date", "from", "to", "subject", "message-id", "auto-submitted", "list-id", "feedback-id"),
    *("mime-version", "content-type", TAG.lower()),
)
UNSUBSCRIBE = ("list-unsubscribe", "list-unsubscribe-post")

every_mail = pytest.mark.parametrize(("template", "language"), EVERY)
every_sample = pytest.mark.parametrize("of", SAMPLES)
every_sender = pytest.mark.parametrize("sender", SENDERS)


def security_of() -> dict[str, bool]:
    """What the flows say of each message they promise."""
    to, token = To("a@example.com", "a@example.com", None, None, "en", "request"), bytes(16)
    drafts: list[Draft] = [
        messages.verification(to, token),
        messages.password_reset(to, token),
        messages.welcome(to),
        messages.account_exists(to),
        messages.password_changed(to),
        messages.address_change(to, token),
        messages.address_change_notice(to, token, new_address="b***@example.com"),
        messages.account_deleted(to, until="2026-12-07 14:02 UTC"),
    ]
    return {draft.template: draft.security for draft in drafts}


SECURITY = security_of()


@dataclass(frozen=True)
class Mail:
    """One mail as it is handed to the transport."""

    content: bytes
    made_up: Sample

    @property
    def read(self) -> EmailMessage:
        """As the standard library reads it; it finds nothing to complain about."""
        message = message_from_bytes(self.content, _class=EmailMessage, policy=policy.default)
        assert [] == message.defects
        assert [] == [defect for value in message.values() for defect in value.defects]
        return message

    @property
    def bodies(self) -> list[str]:
        """Text and page."""
        return [part.get_content() for part in self.read.iter_parts()]


def mail(template: str, language: str, of: str = "complete", sender: str = SENDERS[1]) -> Mail:
    """Make one as the worker does of what it claimed."""
    made_up = sample(TEMPLATES, template, of, SITE)
    composer = Composer(
        TEMPLATES,
        sender=sender,
        product_name=made_up.product_name or "Acme",
        public_url=SITE,
        reset_url=f"{SITE}/reset",
        headers=[(TAG, "gatepost={id}")],
    )
    claimed = Claimed(
        id=ROW_ID,
        owner="worker-1",
        claim_number=1,
        attempts=0,
        unknowns=0,
        template=template,
        locale=language,
        recipient=made_up.recipient,
        values=made_up.values,
        message_id=f"<{ROW_ID.hex}@{composer.return_path.partition('@')[2]}>",
        account_id=None,
        token_id=None,
        request_id=None,
        priority=1,
        if_unknown=IfUnknown.AGAIN,
        created_at=NOW_MS,
        expires_at=NOW_MS + 1,
        recipient_key=made_up.recipient.lower(),
        security=SECURITY[template],
    )
    envelope = compose_with(composer, None, LINKS)(claimed, {}, NOW_MS)
    return Mail(envelope.content, made_up)


def test_every_message_is_said_to_be_about_safety_or_not() -> None:
    """All but the welcome are; the samples know the same, and no message is left out."""
    assert set(TEMPLATES.names) == set(SECURITY)
    assert FOR_SAFETY == {template for template, security in SECURITY.items() if security}
    assert {"welcome"} == set(SECURITY) - FOR_SAFETY


@every_mail
@every_sample
@every_sender
def test_t1_the_header_is_as_providers_ask(template: str, language: str, of: str, sender: str) -> None:
    """Each field once and well formed; one From, whose domain all else is of; and a real date."""
    one = mail(template, language, of, sender)
    message = one.read
    wanted = ONCE if SECURITY[template] else (*ONCE, *UNSUBSCRIBE)
    assert sorted(wanted) == sorted(name.lower() for name in message.keys())  # noqa: SIM118 - repeated ones count
    (author,) = message["From"].addresses
    domain = sender.rstrip(">").rpartition("@")[2]
    assert domain == author.domain
    assert re.fullmatch(rf"<[^<>@\s]+@{re.escape(domain)}>", message["Message-ID"])
    assert message["List-Id"].endswith(f".{domain}>")
    assert datetime.fromtimestamp(NOW_MS / 1000, UTC) == message["Date"].datetime
    (to,) = message["To"].addresses
    assert one.made_up.recipient == to.addr_spec
    assert message["Subject"].strip()
    assert "auto-generated" == message["Auto-Submitted"]
    assert f"gatepost={ROW_ID}" == message[TAG]


@every_mail
@every_sample
def test_t1_the_wire_form_is_that_of_rfc_5322(template: str, language: str, of: str) -> None:
    """Lines of ASCII within their bound, CRLF alone, no field after the header's end."""
    content = mail(template, language, of).content
    assert content.isascii()
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert MAX_LINE_BYTES >= max(map(len, content.split(b"\r\n")))
    header = content.partition(b"\r\n\r\n")[0]
    for line in re.split(rb"\r\n(?![ \t])", header):
        assert re.match(rb"[A-Za-z-]+: \S", line)


@every_mail
def test_each_stream_has_its_own_list_and_feedback_id(template: str, language: str) -> None:
    """Complaints are counted for each message; who sends is the same in all; nothing is of one recipient."""
    message = mail(template, language, sender=SENDERS[0]).read
    assert f"<{template.replace('_', '-')}.acme.example>" == message["List-Id"]
    assert f"{template}:acmeexample" == message["Feedback-ID"]


@pytest.mark.parametrize(
    ("domain", "who"),
    [
        ("acme.example", "acmeexample"),
        ("mail.northern-lights.example", "mailnorthernlig"),
        ("a.io", "aio00"),
        ("localhost", "localhost"),
        ("xn--bcher-kva.example", "xnbcherkvaexamp"),
    ],
)
def test_who_sends_has_5_to_15_characters(domain: str, who: str) -> None:
    """As Gmail asks, whatever the domain is."""
    message = mail("welcome", "en", sender=f"hello@{domain}").read
    assert f"welcome:{who}" == message["Feedback-ID"]
    assert 5 <= len(who) <= 15


@every_mail
@every_sample
def test_t3_one_click_is_offered_where_it_must_be_and_nowhere_else(template: str, language: str, of: str) -> None:
    """RFC 8058: in what does not keep an account safe, an https address that says nothing, shown in both bodies too."""
    one = mail(template, language, of)
    message = one.read
    if SECURITY[template]:
        assert [None, None] == [message[name] for name in UNSUBSCRIBE]
        assert b"unsubscribe" not in one.content.lower()
        return
    found = re.fullmatch(r"<(https://acme\.example/mail/unsubscribe/([A-Za-z0-9_-]{64}))>", message["List-Unsubscribe"])
    assert found is not None
    assert "List-Unsubscribe=One-Click" == message["List-Unsubscribe-Post"]
    assert [True, True] == [found[1] in body for body in one.bodies]
    read = LINKS.read(found[2])
    assert read is not None
    assert (ROW_ID, HIDING.digest(one.made_up.recipient.lower())) == (read.row_id, read.hidden)


@every_mail
@every_sample
def test_s71_nothing_in_it_follows_its_reader(template: str, language: str, of: str) -> None:
    """No picture, and no address in it but the product's own: the link that unsubscribes is the one the header says."""
    one = mail(template, language, of)
    own = {f"{SITE}/mail/unsubscribe/"} if not SECURITY[template] else set()
    page = one.bodies[1]
    assert not re.search(r"<(?:img|script|link|iframe|object|video|audio)\b|url\(|@import", page)
    leads = set(re.findall(r'\shref="([^"]+)"', page))
    others = {link for link in leads if not link.startswith(SITE)}
    assert set() == others
    assert own == {re.sub(r"[A-Za-z0-9_-]{64}\Z", "", link) for link in leads if "unsubscribe" in link}
