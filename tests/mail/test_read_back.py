"""Ten thousand messages of any names, addresses, values and bodies: the standard library reads back what was meant."""

import functools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from gatepost.errors import InvalidInput
from gatepost.mail import template as module
from gatepost.mail.address import parse_address, wire_address
from gatepost.mail.check import HEADER_FIELDS
from gatepost.mail.compose import Composer
from gatepost.mail.headers import parse_sender
from gatepost.mail.names import clean_line, clean_name
from gatepost.mail.template import Encoded, Template
from gatepost.mail.values import clean_value
from tests.unit.mail.hostile import PIECES

EXAMPLES = 10_000
SITE = "https://acme.example"
LINK = f"{SITE}/verify?token=" + "AbCd-1_2" * 12
MESSAGE_ID = "<0190a5c3d7f87cc2@acme.example>"
NAME = "order_shipped"

_ANY = st.text(st.characters(exclude_categories=[]), max_size=40)
_TYPED = _ANY | st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=4).map("".join)
_WORDS = st.text(
    st.sampled_from("ab é=._-\t\n\x00\x85\u2028李\"'<&") | st.characters(exclude_categories=["Cs"]), max_size=80
)
_PLACES = st.sampled_from(
    ["{{ name }}", "{{ email }}", "{{ link }}", "{{ number }}", "{{ product_name }}", ".\n", "\n.\n", "\r", "\r\n.\r\n"]
)
_BODIES = st.lists(_WORDS.map(lambda text: text.replace("{", "(")) | _PLACES, max_size=6).map("".join)

_ATOMS = st.text(st.sampled_from("abcxyzABCXYZ0189!#$%&'*+/=?^_`{|}~-üé用户дλ"), min_size=1, max_size=8)
_LOCAL_PARTS = st.lists(_ATOMS, min_size=1, max_size=3).map(".".join)
_LABELS = st.sampled_from(["example", "bücher", "a-b", "mail1", "xn--bcher-kva", "例え", "x" * 40, "пример"])
_DOMAINS = st.tuples(st.lists(_LABELS, min_size=1, max_size=3).map(".".join), st.sampled_from(["com", "test", "рф"]))
_ADDRESSES = st.builds("{}@{}".format, _LOCAL_PARTS, _DOMAINS.map(".".join))


_SUBJECT = "{{ name }}: {{ number }}"
_FILES = [module._compile(kind, _SUBJECT, Path("x"), None) for kind in (module._PLAIN, module._PLAIN, module._ESCAPING)]


@dataclass(frozen=True)
class OneMessage:
    """The templates of one message whose two bodies are given as texts, for a composer."""

    template: Template
    names: tuple[str, ...] = (NAME,)

    @classmethod
    def of(cls, text: str, page: str) -> "OneMessage":
        # Only for the encoded form: what fills the plain one stays the subject's, and compiling takes the most time.
        subject, plain, escaping = _FILES
        files = replace(plain, source=text), replace(escaping, source=page)
        return cls(Template("en", subject, *files, leads=frozenset()))

    def encode(self, name: str, locale: str, values: dict[str, str]) -> Encoded:
        return self.template.encode(values)

    def own_values(self, name: str) -> frozenset[str]:
        return frozenset({"number"})

    def leads(self, name: str) -> frozenset[str]:
        return frozenset()


@dataclass(frozen=True)
class Meant:
    """What a message is made of, as it was typed."""

    name: str
    number: str
    recipient: str
    sender: str
    product: str
    body: str
    now_ms: int

    @property
    def printed(self) -> dict[str, str]:
        """What each value must look like to a reader."""
        names = {
            "name": clean_name(self.name),
            "number": clean_value(self.number),
            "product_name": clean_line(self.product),
        }
        return names | {"email": self.recipient, "link": LINK}

    def filled(self, source: str, *, page: bool) -> str:
        """The text of a template with its values in it, line ends as Jinja makes them, nothing around it."""
        text = re.sub(r"\r\n|\r", "\n", source)
        values = {name: str(escape(value)) if page else value for name, value in self.printed.items()}
        return re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], text)

    def composed(self) -> bytes:
        templates = OneMessage.of(self.body, f"<p>{self.body}</p>")
        composer = Composer(templates, sender=self.sender, product_name=self.product, public_url=SITE, reset_url=SITE)
        return composer.compose(
            template=NAME,
            locale="en",
            recipient=self.recipient,
            message_id=MESSAGE_ID,
            values={"name": self.name, "number": self.number, "link": LINK},
            now_ms=self.now_ms,
        ).content


MEANT = st.builds(
    Meant,
    name=_TYPED,
    number=_TYPED | st.text(max_size=200),
    recipient=_ADDRESSES,
    # CPython puts spaces between the encoded words of a display name, so it is one; a name in angle brackets is none.
    sender=_ANY.map(lambda name: re.sub("[<>]", "", clean_line(name)[:10]) + " <hello@acme.example>"),
    product=_TYPED,
    body=_BODIES,
    now_ms=st.integers(0, 4_102_444_800_000),
)


# `policy.default`, which parses a field anew each time somebody looks at it, and many are the same in every message.
TODAY = policy.default.clone(header_factory=functools.lru_cache(maxsize=64)(HeaderRegistry()))

Read = tuple[dict[str, object], list[str]]


def fields_meant(meant: Meant) -> dict[str, object]:
    return {
        "Date": datetime.fromtimestamp(meant.now_ms // 1000, UTC),
        "From": (parse_sender(meant.sender).name, "hello@acme.example"),
        "To": wire_address(meant.recipient),
        "Subject": " ".join(meant.filled(_SUBJECT, page=False).split()),
        "Message-ID": MESSAGE_ID,
        "Auto-Submitted": "auto-generated",
        "List-Id": "<order-shipped.acme.example>",
        "Feedback-ID": "order_shipped:acmeexample",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_gatepost_alternative"',
    }


def read_now(content: bytes) -> Read:
    """Header and parts as today's parser (`policy.default`) reads them."""
    message = message_from_bytes(content, policy=TODAY)
    fields: dict[str, Any] = dict(message.items())
    (author,) = fields["From"].addresses
    read = {name: str(value) for name, value in fields.items()}
    return read | {"Date": fields["Date"].datetime, "From": (author.display_name, author.addr_spec)}, parts_read(
        message
    )


def read_before(content: bytes) -> Read:
    """Header and parts as the parser of old (`compat32`) reads them."""
    message = message_from_bytes(content, policy=policy.compat32)
    read = {name: decoded(value) for name, value in message.items()}
    name, address = parseaddr(unfolded(message["From"]))
    return read | {"Date": parsedate_to_datetime(message["Date"]), "From": (decoded(name), address)}, parts_read(
        message
    )


def unfolded(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def decoded(value: str) -> str:
    return str(make_header(decode_header(unfolded(value))))


def parts_read(message: Message) -> list[str]:
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert [name.decode() for name in HEADER_FIELDS] == message.keys()
    assert ([], None, "") == (message.defects, message.preamble, message.epilogue)
    for part, kind in zip(parts, ("plain", "html"), strict=True):
        expected = {"Content-Type": f"text/{kind}; charset=utf-8", "Content-Transfer-Encoding": "quoted-printable"}
        assert expected == dict(part.raw_items())
        assert [] == part.defects
    return [part.get_payload(decode=True).decode().replace("\r\n", "\n").strip() for part in parts]


def assert_read_back(meant: Meant) -> None:
    content = meant.composed()
    fields, to = fields_meant(meant), f"To: {wire_address(meant.recipient)}"
    assert to.encode() in content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    if not to.isascii():
        # Neither parser knows UTF-8 in a header field; with an ASCII recipient in its place both read all the rest.
        fields["To"] = "ada@example.com"
        content = content.replace(to.encode(), b"To: ada@example.com", 1)
    parts = [meant.filled(meant.body, page=False).strip(), meant.filled(f"<p>{meant.body}</p>", page=True).strip()]
    assert (fields, parts) == read_now(content)
    assert (fields, parts) == read_before(content)


def test_ten_thousand_messages_are_read_back_as_they_were_meant() -> None:
    """Field by field and part by part, by both parsers, and no draw is refused."""
    tried = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(MEANT)
    def every_one(meant: Meant) -> None:
        nonlocal tried
        try:
            parse_address(meant.recipient)
        except InvalidInput:
            assume(False)
        assert_read_back(meant)
        tried += 1

    every_one()
    assert EXAMPLES <= tried
