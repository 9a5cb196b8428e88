"""The messages in Chinese: they say what the English ones promise, in Chinese only, and arrive as they were written."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest

from gatepost.mail.compose import Composer
from tests.unit.mail.test_compose import LINK, MESSAGE_ID, NOW_MS, RESET_URL, TEMPLATES, parts, read
from tests.unit.mail.test_templates import MESSAGES, VALUES, WITH_A_LINK, WITHOUT_A_NAME, _Page

PRODUCTS = ("Acme", "飞书", "云上协作平台" * 13)
NAME = "李小龙"
PROMISES = {
    "verification": "24 小时内有效",
    "password_reset": "30 分钟内有效，且只能使用一次",
    "address_change": "24 小时内有效",
    "address_change_notice": "7 天内有效",
}

_ENCODED_WORD = re.compile(rb"=\?utf-8\?b\?[A-Za-z0-9+/=]+\?=")


def written(name: str, *, product_name: str = "Acme", person: str = NAME, when: str = VALUES["when"]) -> list[str]:
    """Subject, preheader with everything else a person reads of the page, and text."""
    values = {**VALUES, "product_name": product_name, "name": person, "when": when}
    rendered = TEMPLATES.render(name, "zh-CN", values)
    return [rendered.subject, "".join(_Page(rendered.html).words), rendered.text]


def compose(template: str, product_name: str = "Acme", name: str = NAME) -> bytes:
    composer = Composer(
        TEMPLATES,
        sender=f"{product_name} <hello@acme.example>",
        product_name=product_name,
        public_url="https://acme.example",
        reset_url=RESET_URL,
    )
    return composer.compose(
        template=template,
        locale="zh-CN",
        recipient="li@example.com",
        message_id=MESSAGE_ID,
        values={**VALUES, "name": name, "link": LINK},
        now_ms=NOW_MS,
    ).content


@pytest.mark.parametrize("name", MESSAGES)
def test_no_english_is_left(name: str) -> None:
    """Besides the values not one Latin word is read, in the subject, in the page or in the text."""
    for part in written(name):
        for value in sorted(VALUES.values(), key=len, reverse=True):
            part = part.replace(value, "")
        assert [] == re.findall(r"[A-Za-z]+", part)


@pytest.mark.parametrize("name", MESSAGES)
def test_it_says_whom_it_is_for_and_what_to_do_if_it_was_not_you(name: str) -> None:
    """Text and page name the address, the product and the time, and say that the mail may be ignored."""
    subject, page, text = written(name)
    assert "Acme" in subject
    for part in (page, text):
        assert (name not in WITHOUT_A_NAME) is (NAME in part)
        for said in (
            "您好：" if name in WITHOUT_A_NAME else f"{NAME}，您好：",
            VALUES["email"],
            "Acme",
            VALUES["when"],
            "忽略这封邮件",
        ):
            assert said in part


@pytest.mark.parametrize("name", WITH_A_LINK)
def test_it_promises_what_english_promises(name: str) -> None:
    """How long a link works is said in the text, in the page and in the line beside the subject."""
    _, page, text = written(name)
    assert (1, 2) == (text.count(PROMISES[name]), page.count(PROMISES[name]))


@pytest.mark.parametrize("product_name", PRODUCTS)
@pytest.mark.parametrize("person", ["", NAME, "Mira"])
@pytest.mark.parametrize("when", ["", VALUES["when"]])
@pytest.mark.parametrize("name", MESSAGES)
def test_it_is_set_as_chinese_is_set(name: str, when: str, person: str, product_name: str) -> None:
    """One space between Chinese and Latin characters, none elsewhere; no half-width punctuation beside Chinese."""
    for part in written(name, product_name=product_name, person=person, when=when):
        lines = [line.strip() for line in part.splitlines()]
        for wrong in (
            r"[\u4e00-\u9fff][A-Za-z0-9]",
            r"[A-Za-z0-9][\u4e00-\u9fff]",
            r"[\u3000-\uffef] +[\u3000-\uffef]",
        ):
            assert [] == [line for line in lines if re.search(wrong, line)]
        for wrong in (r"[\u4e00-\u9fff][,.:;?!()]", r"  ", r" [\uff00-\uff60\u3000-\u303f]", r"^[，。：]"):
            assert [] == [line for line in lines if re.search(wrong, line)]


@pytest.mark.parametrize("product_name", PRODUCTS)
@pytest.mark.parametrize("template", MESSAGES)
def test_a_chinese_subject_is_encoded_words_that_read_back(template: str, product_name: str) -> None:
    """Each word is at most 75 long and whole characters, each line at most 78 (RFC 2047, 2)."""
    content = compose(template, product_name)
    header = content.partition(b"\r\n\r\n")[0]
    (field,) = re.findall(rb"^Subject: (.*?)(?=\r\n\S)", header, re.MULTILINE | re.DOTALL)
    words = field.split(b"\r\n ")
    assert all(_ENCODED_WORD.fullmatch(word) and len(word) <= 75 for word in words)
    assert all(str(make_header(decode_header(word.decode()))) for word in words)
    expected = written(template, product_name=product_name[:80])[0]
    assert expected == read(content)["Subject"]
    assert max(map(len, content.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("template", MESSAGES)
def test_the_other_fields_are_those_of_the_english_message(template: str) -> None:
    """The language changes the subject and the parts, and no other field."""
    chinese = read(compose(template))
    assert {
        "Date": "Sun, 03 May 2026 14:02:00 +0000",
        "From": "Acme <hello@acme.example>",
        "To": "li@example.com",
        "Message-ID": MESSAGE_ID,
        "Auto-Submitted": "auto-generated",
        "List-Id": f"<{template.replace('_', '-')}.acme.example>",
        "Feedback-ID": f"{template}:acmeexample",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_gatepost_alternative"',
    } == {name: str(value) for name, value in chinese.items() if name != "Subject"}


@pytest.mark.parametrize("product_name", PRODUCTS)
@pytest.mark.parametrize("template", MESSAGES)
def test_both_parts_read_back_as_they_were_rendered(template: str, product_name: str) -> None:
    """Quoted-printable breaks no character, and the sender's name comes back."""
    content = compose(template, product_name)
    values = {**VALUES, "name": NAME, "email": "li@example.com", "link": LINK, "reset_url": RESET_URL}
    rendered = TEMPLATES.render(template, "zh-CN", {**values, "product_name": product_name[:80]})
    assert (rendered.text.strip(), rendered.html.strip()) == parts(content)
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    assert product_name[:80] == message["From"].addresses[0].display_name.replace(" ", "")


def test_a_chinese_message_is_little_longer_than_an_english_one() -> None:
    """Nine bytes for each Chinese character are no reason to worry: no client cuts a mail of this size (102 KB)."""
    assert 16_000 > max(len(compose(template)) for template in MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_fonts_for_chinese_stand_in_chinese_pages_only(name: str) -> None:
    """A Chinese page names the fonts of each system; an English one is not set in their Latin letters."""
    assert "'PingFang SC'" in TEMPLATES.render(name, "zh-CN", VALUES).html
    assert "PingFang SC" not in TEMPLATES.render(name, "en", VALUES).html
