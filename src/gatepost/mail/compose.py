"""Composing: from a template and its values to the bytes of an RFC 5322 message, assembled by hand and then checked.

Everything here is pure and runs for every attempt; docs/decisions/0006 says why `email.message` is not used.
"""

import binascii
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gatepost.errors import ComposeError
from gatepost.mail.address import wire_address
from gatepost.mail.headers import date, mailbox, parse_sender, unstructured
from gatepost.mail.names import clean_line, clean_name
from gatepost.mail.templates import Templates
from gatepost.mail.values import clean_value, is_web_address

MAX_LINE_BYTES = 998  # RFC 5322, 2.1.1, without CRLF

# "=_" never occurs in quoted-printable text, so no body can hold the boundary (RFC 2045, 6.7).
BOUNDARY = "=_gatepost_alternative"

# Every message has exactly these header fields, each once.
HEADER_FIELDS = (
    b"Date",
    b"From",
    b"To",
    b"Subject",
    b"Message-ID",
    b"Auto-Submitted",
    b"List-Id",
    b"MIME-Version",
    b"Content-Type",
)
_EXPECTED = sorted(HEADER_FIELDS)

_FIELD_NAME = re.compile(rb"^([!-9;-~]+):", re.MULTILINE)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+>")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?")

_ENCODING = "charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_TEXT_PART = f"--{BOUNDARY}\r\nContent-Type: text/plain; {_ENCODING}"
_HTML_PART = f"--{BOUNDARY}\r\nContent-Type: text/html; {_ENCODING}".encode()
_END = f"--{BOUNDARY}--\r\n".encode()
_DELIMITER = f"\r\n--{BOUNDARY}".encode()
_MIME = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'


@dataclass(frozen=True)
class Composed:
    """A message ready to submit: where bounces go, to whom, and the complete bytes with CRLF line ends."""

    return_path: str
    recipient: str
    content: bytes


class Composer:
    """Makes messages of one sender.

    Args:
        templates: what the messages say.
        sender: "Name <address>" or an address: the only From there is, and the return path.
        product_name: as people read it.
        public_url: where the product is, without a slash at its end.
        reset_url: page where a person asks for a new password.

    Raises:
        SettingsError: `sender` is no mailbox.
    """

    def __init__(
        self, templates: Templates, *, sender: str, product_name: str, public_url: str, reset_url: str
    ) -> None:
        mailbox_from = parse_sender(sender)
        self.return_path = mailbox_from.address
        self._templates = templates
        self._from = mailbox("From", mailbox_from)
        self._fixed = {
            name: "Auto-Submitted: auto-generated\r\n"
            f"List-Id: <{name.replace('_', '-')}.{mailbox_from.domain}>\r\n{_MIME}"
            for name in templates.names
        }
        self._values = {"product_name": clean_line(product_name), "public_url": public_url, "reset_url": reset_url}

    def compose(
        self, *, template: str, locale: str, recipient: str, message_id: str, values: Mapping[str, str], now_ms: int
    ) -> Composed:
        """Make one message.

        Args:
            template: which message.
            locale: the language asked for; the nearest there is is taken.
            recipient: the address as stored. It is proved again. To is pure ASCII, except for a recipient whose local
                part is not: that is written in UTF-8 (RFC 6532), because no other form of it exists, and the
                transport decides whether its server takes such a message.
            message_id: with its angle brackets, the same for every attempt.
            values: for the template, and no others: `name` is made safe to print, `link` is an absolute URL, `when`
                says when it was asked for. `name` and `when` may be missing. Those of a product's own message are made
                safe to print, each on one line; one that is where a link leads is an absolute URL, or empty.
            now_ms: wall time in milliseconds, for Date.

        Raises:
            TemplateError: there is no such template, or it needs a value that is not given.
            InvalidRecipient: `recipient` is no address.
            ComposeError: anything else cannot be written, or the message did not pass its check.
        """
        to = wire_address(recipient)
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ComposeError("The stored Message-ID is none: it must look like <left@right>.")
        rendered = self._templates.render(template, locale, self._printable(template, recipient, values))
        head = (
            f"Date: {date(now_ms)}\r\n{self._from}To: {to}\r\n{unstructured('Subject', rendered.subject)}"
            f"Message-ID: {message_id}\r\n{self._fixed[template]}{_TEXT_PART}"
        ).encode()
        parts = (
            head,
            _quoted_printable(rendered.text.strip() + "\n"),
            _HTML_PART,
            _quoted_printable_once(rendered.html_start),
            _quoted_printable(rendered.html_rest.rstrip() + "\n"),
            _END,
        )
        content = b"".join(parts)
        check_message(content)
        return Composed(return_path=self.return_path, recipient=to, content=content)

    def _printable(self, template: str, recipient: str, values: Mapping[str, str]) -> dict[str, str]:
        printable = {
            **self._values,
            "email": recipient,
            "name": clean_name(values.get("name", "")),
            "when": clean_line(values.get("when", "")),
        }
        if "link" in values:
            printable["link"] = _web_address("link", values["link"])
        leads = self._templates.leads(template)
        for name in self._templates.own_values(template) & values.keys():
            value = values[name]
            printable[name] = _web_address(name, value) if value and name in leads else clean_value(value)
        return printable


def _web_address(name: str, value: str) -> str:
    if not is_web_address(value):
        raise ComposeError(f"The value {name} is where a link leads: it must be an absolute URL.")
    return value


def check_message(content: bytes) -> None:
    """Prove that `content` is one message with our header fields and no others, and nothing a server reads as an end.

    It knows nothing of how the message was made, so that a mistake there cannot hide here.

    Raises:
        ComposeError: names what is wrong, and repeats nothing of the message.
    """
    header, end, body = content.partition(b"\r\n\r\n")
    lines = header.split(b"\r\n")
    names = _FIELD_NAME.findall(header)
    if not end or sorted(names) != _EXPECTED:
        raise ComposeError("The message does not have exactly the expected header fields.")
    if len(lines) != len(names) + sum(line.startswith((b" ", b"\t")) for line in lines):
        raise ComposeError("A line of the header is neither a field nor folded.")
    all_lines = content.split(b"\r\n")
    if not len(all_lines) - 1 == content.count(b"\r") == content.count(b"\n"):
        raise ComposeError("The message has a bare CR or LF.")
    if max(map(len, all_lines)) > MAX_LINE_BYTES:
        raise ComposeError(f"A line of the message is longer than {MAX_LINE_BYTES} bytes.")
    if _CONTROL.search(header) or b"\0" in body:
        raise ComposeError("The message has a control character.")
    if not content.isascii() and not (body.isascii() and _only_to_is_not_ascii(lines)):
        raise ComposeError("The message is not ASCII outside of To.")
    if content.count(_DELIMITER) != 3 or not body.endswith(_END):
        raise ComposeError("The message does not have exactly two parts.")


def _only_to_is_not_ascii(lines: list[bytes]) -> bool:
    return all(line.isascii() or line.startswith(b"To: ") for line in lines)


def _quoted_printable(text: str) -> bytes:
    """Encode whole lines (RFC 2045, 6.7): at most 76 long, CRLF, and a line of one dot written as "=2E"."""
    if "\r" in text:
        text = _LINE_END.sub("\n", text)  # binascii leaves a CR without its LF as it is
    return binascii.b2a_qp(text.replace("\n", "\r\n").encode("utf-8"), istext=True)


# The start of a page is the same for every message of a template, and a third of all there is to encode.
_quoted_printable_once = functools.lru_cache(maxsize=256)(_quoted_printable)
