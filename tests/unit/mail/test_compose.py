"""Composing: the standard library reads back what was meant, whatever the names are; the check sees what is wrong."""

import re
import uuid
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.errors import ComposeError, InvalidRecipient, SettingsError, TemplateError
from gatepost.mail.compose import Composed, Composer
from gatepost.mail.names import clean_name
from gatepost.mail.templates import Templates
from tests.unit.mail.hostile import NAMES_IN_UNIT_TESTS, names
from tests.unit.mail.test_templates import LANGUAGES, MESSAGES, WITHOUT_A_NAME, write

LINK = "https://acme.example/verify?token=AbCd-1_2" + "x" * 80
MESSAGE_ID = "<0190a5c3d7f87cc2@acme.example>"
NOW_MS = 1_777_816_920_999
TEMPLATES = Templates()
RESET_URL = "https://acme.example/forgotten"
COMPOSER = Composer(
    TEMPLATES,
    sender="Acme <hello@acme.example>",
    product_name="Acme",
    public_url="https://acme.example",
    reset_url=RESET_URL,
)


def compose(
    name: str = "Ada",
    *,
    template: str = "verification",
    recipient: str = "ada@example.com",
    message_id: str = MESSAGE_ID,
    link: str = LINK,
    composer: Composer = COMPOSER,
    language: str = "en",
) -> Composed:
    return composer.compose(
        template=template,
        locale=language,
        recipient=recipient,
        message_id=message_id,
        values={"name": name, "link": link},
        now_ms=NOW_MS,
    )


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert [] == message.defects
    return message


def parts(content: bytes) -> tuple[str, str]:
    text, page = read(content).iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(page, EmailMessage)
    assert ["text/plain", "text/html"] == [text.get_content_type(), page.get_content_type()]
    return text.get_content().replace("\r\n", "\n"), page.get_content().replace("\r\n", "\n")


def with_body(folder: Path, body: str) -> Composer:
    return composer_of(Templates(write(folder, body_txt=body)))


def composer_of(templates: Templates) -> Composer:
    return Composer(
        templates,
        sender="hello@acme.example",
        product_name="Acme",
        public_url="https://acme.example",
        reset_url=RESET_URL,
    )


@pytest.mark.parametrize("template", MESSAGES)
def test_a_message_says_who_to_whom_what_and_when(template: str) -> None:
    """Every message has its header fields, each once and as meant."""
    composed = compose(template=template)
    message = read(composed.content)
    assert ("hello@acme.example", "ada@example.com") == (composed.return_path, composed.recipient)
    assert {
        "Date": "Sun, 03 May 2026 14:02:00 +0000",
        "From": "Acme <hello@acme.example>",
        "To": "ada@example.com",
        "Subject": TEMPLATES.render(template, "en", {"product_name": "Acme"} | _UNUSED).subject,
        "Message-ID": MESSAGE_ID,
        "Auto-Submitted": "auto-generated",
        "List-Id": f"<{template.replace('_', '-')}.acme.example>",
        "Feedback-ID": f"{template}:acmeexample",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_gatepost_alternative"',
    } == {name: str(value) for name, value in message.items()}


_MISSING = {"when": "", "where": "", "until": "", "new_address": "", "unsubscribe_url": ""}
_UNUSED = {"name": "", "email": "", "link": "", "public_url": "", "reset_url": "", **_MISSING}


def test_a_message_composed_twice_is_the_same_to_the_byte() -> None:
    """Copies of one message cannot differ by chance: nothing in it is random."""
    assert compose() == compose()


def test_the_text_comes_first_and_both_parts_carry_the_link_unbroken() -> None:
    """A link longer than a line survives the encoding."""
    text, page = parts(compose().content)
    assert LINK in text.split("\n")
    assert 3 == page.count(LINK)


def test_everything_is_short_lines_of_ascii() -> None:
    """No server can have a reason to change the message on its way."""
    content = compose("Jürgen 李小龙").content
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("sender", ["Bücher & Söhne <hello@acme.example>", "hello@acme.example", "gatepost@localhost"])
def test_s63_only_the_setting_is_the_sender(sender: str) -> None:
    """From and the return path come from the setting, whatever a name says."""
    composer = Composer(
        TEMPLATES, sender=sender, product_name="Bücher & Söhne", public_url="https://acme.example", reset_url=RESET_URL
    )
    composed = compose("Evil <evil@evil.example>", composer=composer)
    (author,) = read(composed.content)["From"].addresses
    assert sender == (f"{author.display_name} <{author.addr_spec}>" if author.display_name else author.addr_spec)
    assert composed.return_path == author.addr_spec
    assert "Verify your email address for Bücher & Söhne" == read(composed.content)["Subject"]


ROW_ID = uuid.UUID("0192f0c1-7a6b-7c3d-8e4f-a1b2c3d4e5f6")


def composed_with(*headers: tuple[str, str], **wishes: Any) -> Composed:
    """The welcome of a product with header fields of its own."""
    composer = Composer(
        TEMPLATES,
        sender="hello@acme.example",
        product_name="Acme",
        public_url="https://acme.example",
        reset_url=RESET_URL,
        headers=headers,
    )
    given = {"template": "welcome", "locale": "en", "recipient": "ada@example.com", "message_id": MESSAGE_ID}
    return composer.compose(**given, values={}, now_ms=NOW_MS, **wishes)


@pytest.mark.parametrize(
    "value",
    [
        "gatepost",
        "gatepost={id}",
        '["a", "b"]',
        "=?utf-8?q?no_word?=",
        "two  spaces",
        "x" * 500,
        " ".join(["word"] * 99),
        "a " + "x" * 400 + " b",
    ],
)
def test_a_field_of_the_products_own_says_what_its_provider_reads(value: str) -> None:
    """To the letter, with the message's id in it: nothing is encoded, and what is folded reads the same."""
    message = message_from_bytes(composed_with(("X-Tag", value), row_id=ROW_ID).content, policy=policy.compat32)
    assert [value.replace("{id}", str(ROW_ID))] == [one.replace("\r\n", "") for one in message.get_all("X-Tag", [])]


def test_a_field_that_no_line_can_hold_is_refused_at_once() -> None:
    """Every message would be held for it."""
    composed_with(("X-Tag", "{id}" * 27))
    with pytest.raises(SettingsError, match="MAIL_HEADERS"):
        composed_with(("X-Tag", "{id}" * 28))


def test_several_fields_of_its_own_stand_in_their_order() -> None:
    """Behind ours, before those of MIME, and in every copy of the sender's composer."""
    composed = composed_with(("X-B", "1"), ("X-A", "{id}{id}"), row_id=ROW_ID)
    assert ["X-B", "X-A", "MIME-Version", "Content-Type"] == read(composed.content).keys()[-4:]
    assert f"X-A: {ROW_ID}{ROW_ID}\r\n".encode() in composed.content


@pytest.mark.parametrize(
    "url", ["/mail/unsubscribe/x", "https://acme.example/a b", "https://a.example/>\r\nBcc: b@c.d"]
)
def test_what_is_no_address_unsubscribes_nobody(url: str) -> None:
    """A field of the header is no place for anything else."""
    with pytest.raises(ComposeError):
        composed_with(unsubscribe_url=url)


def test_a_sender_that_is_none_is_refused_at_once() -> None:
    """A wrong setting is told at the start, not by the first message."""
    with pytest.raises(SettingsError, match="SENDER"):
        Composer(TEMPLATES, sender="Acme", product_name="Acme", public_url="https://acme.example", reset_url=RESET_URL)


def test_a_domain_in_another_script_goes_out_in_ascii() -> None:
    """To and RCPT name the domain by its A-labels; the person reads it as typed."""
    composed = compose(recipient="ada@bücher.example")
    assert "ada@xn--bcher-kva.example" == composed.recipient == read(composed.content)["To"]
    assert composed.content.isascii()
    assert "ada@bücher.example" in parts(composed.content)[0]


def test_a_local_part_in_another_script_stands_in_to_and_nowhere_else() -> None:
    """Only To is UTF-8 then (RFC 6532), and the transport sees by the recipient that its server must take that."""
    composed = compose(recipient="用户@example.com")
    assert "用户@example.com" == composed.recipient
    assert ["To: 用户@example.com"] == [line.decode() for line in composed.content.split(b"\r\n") if not line.isascii()]


@pytest.mark.parametrize(
    "recipient", ["", "ada", "ada@example.com\r\nBcc: b@evil.example", "a,b@example.com", "a@[192.0.2.1]"]
)
def test_a_poisoned_recipient_is_refused(recipient: str) -> None:
    """What is no address is never written, whatever the row says."""
    with pytest.raises(InvalidRecipient):
        compose(recipient=recipient)


@pytest.mark.parametrize("message_id", ["", "x", "x@y", "<x>", "<x@y>\r\nBcc: b@evil.example", "<x y@z>", "<x@y><x@z>"])
def test_a_poisoned_message_id_is_refused(message_id: str) -> None:
    """A Message-ID is exactly one."""
    with pytest.raises(ComposeError):
        compose(message_id=message_id)


@pytest.mark.parametrize(
    "link", ["", "javascript:alert(1)", "/verify", "https://a.example/ b", "https://a.example/\u202e"]
)
def test_a_link_that_is_no_url_is_refused(link: str) -> None:
    """A button never leads anywhere but to a web page."""
    with pytest.raises(ComposeError):
        compose(link=link)


def test_an_unknown_template_is_named() -> None:
    """There is no message without a template."""
    with pytest.raises(TemplateError, match="goodbye"):
        compose(template="goodbye")


def test_no_hostile_name_adds_a_field_or_ends_a_line() -> None:
    """Of the whole corpus no name adds, ends or changes anything but the greeting."""
    fields = BytesHeaderParser(policy=policy.default)
    expected = fields.parsebytes(compose("").content).items()
    for name in names(NAMES_IN_UNIT_TESTS):
        content = compose(name).content
        assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
        assert expected == fields.parsebytes(content).items()


@pytest.mark.parametrize("template", MESSAGES)
def test_s60_a_name_is_neither_markup_nor_a_link(template: str) -> None:
    """Tags print as typed, and a client finds nothing to make a link of: no scheme, no domain, no address."""
    name = '<a href="https://evil.example">win</a> www.evil.example b@evil.example'
    text, page = parts(compose(name, template=template).content)
    assert {"https://acme.example", LINK, RESET_URL} >= set(re.findall(r"<a [^>]*href=\"([^\"]*)", page))
    for part in (text, page):
        assert not re.search(r"://evil|evil\.example", part)
    assert ("&lt;a href=" in page) is ("<a href=" in text) is (template not in WITHOUT_A_NAME)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", MESSAGES)
def test_s70_every_mail_of_every_language_has_a_text_and_a_page(template: str, language: str) -> None:
    """multipart/alternative with the text first, in whole short lines, whatever the name is."""
    for name in ("", "Ada", "李小龙", *names(100)):
        composed = compose(name, template=template, language=language)
        text, page = parts(composed.content)
        assert "" not in (text.strip(), page.strip())
        assert "ada@example.com" in text
        assert max(map(len, composed.content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", MESSAGES)
def test_s69_every_mail_says_that_a_program_sent_it(template: str, language: str) -> None:
    """No robot answers it (RFC 3834); bounces go to SENDER, never to an address of somebody else's choice."""
    composed = compose("Evil <evil@evil.example>", template=template, language=language)
    message = read(composed.content)
    assert ["auto-generated"] == message.get_all("Auto-Submitted")
    assert "hello@acme.example" == composed.return_path
    assert set() == {"Reply-To", "Return-Path", "Sender", "Disposition-Notification-To"} & set(message.keys())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=60), st.sampled_from(MESSAGES))
def test_any_name_is_read_back_in_the_greeting(name: str, template: str) -> None:
    """The parts come back from the standard library's parser exactly as they were rendered."""
    content = compose(name, template=template).content
    site = {"public_url": "https://acme.example", "reset_url": RESET_URL}
    values = {"product_name": "Acme", **site, "email": "ada@example.com", **_MISSING}
    rendered = TEMPLATES.render(template, "en", {**values, "name": clean_name(name), "link": LINK})
    assert (rendered.text.strip(), rendered.html.strip()) == parts(content)


SMUGGLED = (
    "\n.\n",
    "\r.\r",
    "\r\n.\r\n",
    "\n.\r\n",
    "\r\n.\n",
    "\x00",
    "\n.\nMAIL FROM:<a@evil.example>\n",
    "\n\x00.\n",
)


@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_no_body_holds_an_end_of_data(tmp_path: Path, smuggled: str) -> None:
    """A dot never stands alone on a line and no line end is half a one, so no server sees two messages."""
    content = compose(template="hello", composer=with_body(tmp_path, f"before{smuggled}after")).content
    assert b"\x00" not in content
    assert b"." not in content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    text, _ = parts(content)
    assert f"before{smuggled}after".replace("\r\n", "\n").replace("\r", "\n") == text.rstrip("\n")


def test_a_template_with_a_loop_is_read_back(tmp_path: Path) -> None:
    """What cannot be encoded before it is filled is encoded then, whole lines as all the rest."""
    body = "{% for letter in name %}{{ letter }} = é\n.\n{% endfor %}\n\n"
    content = compose("Ada", template="hello", composer=with_body(tmp_path, body)).content
    assert "A = é\n.\nd = é\n.\na = é\n." == parts(content)[0]
    assert b"=\r\n--=_gatepost" not in content


def test_what_a_template_says_is_checked_too(tmp_path: Path) -> None:
    """The check looks at every message: a mistake in a template is told, and nothing of it goes out."""
    composer = composer_of(Templates(write(tmp_path, subject_txt="Hello \x07 {{ name }}")))
    with pytest.raises(ComposeError, match="header"):
        compose(template="hello", composer=composer)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.text(st.sampled_from("ab é=._-\t\r\n\x00\x85\u2028李") | st.characters(exclude_categories=["Cs"]), max_size=300)
)
def test_any_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    """Whatever a template says comes back line for line."""
    quoted = "{% raw %}" + body.replace("{", "(") + "{% endraw %}"
    content = compose(template="hello", composer=with_body(tmp_path_factory.mktemp("templates"), quoted)).content
    meant = body.replace("{", "(").replace("\r\n", "\n").replace("\r", "\n")
    assert meant.strip() == parts(content)[0].strip()


@pytest.mark.parametrize("template", ["account_exists", "password_changed"])
def test_a_product_with_a_reset_page_of_its_own_is_linked_to_that_page(template: str) -> None:
    """RESET_URL counts in every mail that offers a new password, also without a token."""
    composed = COMPOSER.compose(
        template=template,
        locale="en",
        recipient="mira@example.com",
        message_id="<1@acme.example>",
        values={},
        now_ms=0,
    )
    text = message_from_bytes(composed.content, policy=policy.default).get_body(("plain",))
    assert text is not None
    assert RESET_URL in text.get_content()
