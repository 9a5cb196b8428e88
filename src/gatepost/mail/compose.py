"""Composing: from a template and its values to the bytes of an RFC 5322 message, assembled by hand and then checked.

Everything here is pure and runs for every attempt; docs/decisions/0006 says why `email.message` is not used.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gatepost.errors import ComposeError, SettingsError
from gatepost.mail.address import wire_address
from gatepost.mail.check import BOUNDARY, HEADER_FIELDS, MAX_LINE_BYTES, check_message, header_fields
from gatepost.mail.headers import date, feedback_id, mailbox, own_field, parse_sender, unstructured
from gatepost.mail.names import clean_line, clean_name
from gatepost.mail.quoted import Value
from gatepost.mail.template import UNSUBSCRIBE
from gatepost.mail.templates import Templates
from gatepost.mail.values import clean_value, is_web_address

# What stands for a message's id in a product's own fields, and the id of one that is in no outbox.
ID, NO_ID = "{id}", uuid.UUID(int=0)


_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+>")
_ENCODING = "charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_TEXT_PART = f"--{BOUNDARY}\r\nContent-Type: text/plain; {_ENCODING}"
_HTML_PART = f"--{BOUNDARY}\r\nContent-Type: text/html; {_ENCODING}"
_END = f"--{BOUNDARY}--\r\n"
_NOTHING = Value("")
_MIME = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'


@dataclass(frozen=True)
class Composed:
    """A message ready to submit.

    Args:
        return_path: where bounces go.
        recipient: to whom.
        content: the complete bytes with CRLF line ends.
        fields: the names of its header fields, in their order.
    """

    return_path: str
    recipient: str
    content: bytes = field(repr=False)  # the link is in it
    fields: tuple[bytes, ...] = HEADER_FIELDS


class Composer:
    """Makes messages of one sender.

    Args:
        templates: what the messages say.
        sender: "Name <address>" or an address: the only From there is, and the return path.
        product_name: as people read it.
        public_url: where the product is, without a slash at its end.
        reset_url: page where a person asks for a new password.
        headers: header fields of the product's own, each a name and a value; ID in it stands for the message's id.

    Attributes:
        return_path: where bounces go.
        public_url: as given.

    Raises:
        SettingsError: `sender` is no mailbox, or one of `headers` is longer than a line may be.
    """

    def __init__(
        self,
        templates: Templates,
        *,
        sender: str,
        product_name: str,
        public_url: str,
        reset_url: str,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        mailbox_from = parse_sender(sender)
        self.return_path = mailbox_from.address
        self.public_url = public_url
        self._sender, self._product_name, self._reset_url, self._headers = sender, product_name, reset_url, headers
        self._templates = templates
        self._from = mailbox("From", mailbox_from)
        self._stream = {
            name: "Auto-Submitted: auto-generated\r\n"
            f"List-Id: <{name.replace('_', '-')}.{mailbox_from.domain}>\r\n{feedback_id(name, mailbox_from.domain)}"
            for name in templates.names
        }
        self._own_fields = "".join(own_field(name, value) for name, value in headers)
        self._names_id = ID in self._own_fields
        if any(len(line) > MAX_LINE_BYTES for line in self._own_fields.replace(ID, str(NO_ID)).split("\r\n")):
            raise SettingsError("MAIL_HEADERS holds a value that is too long with the id of a message in it.")
        own = [name.encode() for name, _ in headers]
        self._fields = header_fields(own=own)
        self._fields_with_unsubscribe = header_fields(own=own, unsubscribe=True)
        fixed = {"product_name": clean_line(product_name), "public_url": public_url, "reset_url": reset_url}
        self._values = {name: Value(value) for name, value in fixed.items()}

    def with_templates(self, templates: Templates, *, product_name: str | None = None) -> "Composer":
        """Make the composer of the same sender for other templates, for whoever looks at what they become.

        Args:
            templates: what its messages say.
            product_name: another name for the product; None for its own.
        """
        return Composer(
            templates,
            sender=self._sender,
            product_name=self._product_name if product_name is None else product_name,
            public_url=self.public_url,
            reset_url=self._reset_url,
            headers=self._headers,
        )

    def compose(
        self,
        *,
        template: str,
        locale: str,
        recipient: str,
        message_id: str,
        values: Mapping[str, str],
        now_ms: int,
        row_id: uuid.UUID = NO_ID,
        unsubscribe_url: str = "",
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
                says when it was asked for, `where` from where. All but `link` may be missing. Those of a product's own
                message are made safe to print, each on one line; one that is where a link leads is an absolute URL, or
                empty.
            now_ms: wall time in milliseconds, for Date.
            row_id: the message's id in the outbox, for the product's own header fields.
            unsubscribe_url: where one POST unsubscribes its recipient; empty where that is not offered, as in what
                keeps an account safe.

        Raises:
            TemplateError: there is no such template, or it needs a value that is not given.
            InvalidRecipient: `recipient` is no address.
            ComposeError: anything else cannot be written, or the message did not pass its check.
        """
        to = wire_address(recipient)
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ComposeError("The stored Message-ID is none: it must look like <left@right>.")
        printable = self._printable(template, recipient, values, unsubscribe_url)
        encoded = self._templates.encode(template, locale, printable)
        unsubscribe, fields = "", self._fields
        if unsubscribe_url:
            unsubscribe, fields = _unsubscribe(unsubscribe_url), self._fields_with_unsubscribe
        own = self._own_fields.replace(ID, str(row_id)) if self._names_id else self._own_fields
        content = (
            f"Date: {date(now_ms)}\r\n{self._from}To: {to}\r\n{unstructured('Subject', encoded.subject)}"
            f"Message-ID: {message_id}\r\n{self._stream[template]}{unsubscribe}{own}{_MIME}"
            f"{_TEXT_PART}{encoded.text}{_HTML_PART}{encoded.html}{_END}"
        ).encode()
        check_message(content, fields)
        return Composed(self.return_path, to, content, fields)

    def _printable(
        self, template: str, recipient: str, values: Mapping[str, str], unsubscribe_url: str
    ) -> Mapping[str, str]:
        printable = {
            **self._values,
            UNSUBSCRIBE: Value(_web_address(UNSUBSCRIBE, unsubscribe_url)) if unsubscribe_url else _NOTHING,
            "email": Value(recipient),
            "name": Value(clean_name(values.get("name", ""))),
            **{name: Value(clean_line(values.get(name, ""))) for name in ("when", "where", "until", "new_address")},
        }
        if "link" in values:
            printable["link"] = Value(_web_address("link", values["link"]))
        leads = self._templates.leads(template)
        for name in self._templates.own_values(template) & values.keys():
            value = values[name]
            printable[name] = Value(_web_address(name, value) if value and name in leads else clean_value(value))
        return printable


def _unsubscribe(url: str) -> str:
    return f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def _web_address(name: str, value: str) -> str:
    if not is_web_address(value):
        raise ComposeError(f"The value {name} is where a link leads: it must be an absolute URL.")
    return value
