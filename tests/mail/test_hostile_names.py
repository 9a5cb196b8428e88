"""Twenty thousand names made to break a message, in every place where a stranger's words stand: nothing breaks."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import Message

import pytest
from markupsafe import escape

from gatepost.mail.check import HEADER_FIELDS
from gatepost.mail.compose import Composer
from gatepost.mail.names import clean_line, clean_name
from gatepost.mail.templates import Templates
from gatepost.mail.values import clean_value
from tests.unit.mail.hostile import names
from tests.unit.mail.test_templates import MESSAGES, write

NAMES = 20_000
SITE = "https://acme.example"
FIELDS = [name.decode() for name in HEADER_FIELDS]
SUBJECT = "{{ name }} wrote {{ words }}"


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    folder = tmp_path_factory.mktemp("templates")
    body = "{{ name }}\n{{ words }}\n{{ when }}\n"
    page = "<!-- preheader: Hi --><p>{{ name }}</p><p>{{ words }}</p><p>{{ when }}</p>"
    return composer_of(Templates(own=write(folder, subject_txt=SUBJECT, body_txt=body, body_html=page)))


def composer_of(templates: Templates, product_name: str = "Acme") -> Composer:
    return Composer(
        templates, sender="hello@acme.example", product_name=product_name, public_url=SITE, reset_url=f"{SITE}/reset"
    )


def composed(composer: Composer, template: str, name: str) -> bytes:
    return composer.compose(
        template=template,
        locale="en",
        recipient="ada@example.com",
        message_id="<1@acme.example>",
        values={"name": name, "words": name, "when": name, "link": f"{SITE}/verify?token=x"},
        now_ms=0,
    ).content


def assert_has_our_fields_and_whole_lines(content: bytes) -> Message:
    """Count them by the standard library, which knows nothing of how the message was made."""
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert b"." not in content.split(b"\r\n")
    assert content.isascii()
    message = message_from_bytes(content, policy=policy.compat32)
    assert FIELDS == message.keys()
    assert [["Content-Type", "Content-Transfer-Encoding"]] * 2 == [part.keys() for part in message.get_payload()]
    return message


def said(message: Message) -> Iterator[str]:
    for part in message.get_payload():
        yield part.get_payload(decode=True).decode().replace("\r\n", "\n").strip()


def test_s57_no_name_of_twenty_thousand_breaks_its_message(composer: Composer) -> None:
    """As a person's name, a product's value and an hour, in subject, text and page: it is read as it was cleaned."""
    count = 0
    for name in names(NAMES):
        message = assert_has_our_fields_and_whole_lines(composed(composer, "hello", name))
        text, page = said(message)
        printed = [clean_name(name), clean_value(name), clean_line(name)]
        assert "\n".join(printed).strip() == text
        paragraphs = "".join(f'<p style="color: red;">{escape(line)}</p>' for line in printed)
        assert f"Hi{paragraphs}" == page.partition("<body>")[2].partition("</body>")[0]
        count += 1
    assert NAMES == count


def test_no_name_of_the_corpus_is_decoded_into_another_subject(composer: Composer) -> None:
    """What today's parser decodes is the line as it was cleaned, and one line."""
    for name in names(NAMES // 20):
        message = message_from_bytes(composed(composer, "hello", name), policy=policy.default)
        assert FIELDS == message.keys()
        assert " ".join(f"{clean_name(name)} wrote {clean_value(name)}".split()) == str(message["Subject"])


def test_s57_no_name_breaks_a_message_of_ours() -> None:
    """The same as a person's name and as the product's, over the five messages."""
    templates = Templates()
    for number, name in enumerate(names(NAMES // 10)):
        product = composer_of(templates, product_name=name)
        assert_has_our_fields_and_whole_lines(composed(product, MESSAGES[number % len(MESSAGES)], name))
