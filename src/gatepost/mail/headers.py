"""Header fields in 7-bit ASCII: encoded words (RFC 2047), phrases, dates and folding (RFC 5322)."""

import base64
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from gatepost.errors import InvalidRecipient, SettingsError
from gatepost.mail.address import wire_address
from gatepost.mail.names import clean_line

FOLD_AT = 78  # RFC 5322, 2.1.1: a line should not be longer
_ENCODED_WORD_BYTES = 42  # 56 characters in base64: with "=?utf-8?b?…?=" and "Subject: " within a line

_LEAST_SENDER_ID, _MOST_SENDER_ID = 5, 15

_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SENDER = re.compile(r"\s*(?:(?P<name>[^<>]*)<(?P<boxed>[^<>\s]+)>|(?P<bare>[^<>\s]+))\s*")
_OWN_HOST = re.compile(r"(?=.{3,254}\Z)[A-Za-z0-9._+-]{1,64}@(?P<domain>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")


@dataclass(frozen=True)
class Sender:
    """The mailbox in From: an ASCII address, and the name printed before it (may be empty)."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part after the @-sign, as A-labels."""
        return self.address.rpartition("@")[2]


def parse_sender(text: str) -> Sender:
    """Read the sender from its setting: "Name <address>" or only the address.

    Raises:
        SettingsError: it is neither.
    """
    found = _SENDER.fullmatch(text)
    if found is None:
        raise SettingsError('SENDER must look like "Name <address>" or be an address.')
    address = found["boxed"] or found["bare"]
    if not _OWN_HOST.fullmatch(address):
        # A name without a dot, as in gatepost@localhost, is fine for our own machine and for nobody else.
        try:
            address = wire_address(address)
        except InvalidRecipient:
            raise SettingsError("SENDER is no address that mail can come from.") from None
    if not address.isascii():
        raise SettingsError("SENDER must be ASCII before the @-sign: not every server takes anything else.")
    name = (found["name"] or "").strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return Sender(name=clean_line(name), address=address)


def unstructured(name: str, text: str) -> str:
    """Write a header field of free text, such as Subject: folded, CRLF at its end.

    `text` has single spaces and no control characters. ASCII stays readable; anything else, and what somebody could
    take for an encoded word, becomes encoded words.
    """
    if text.isascii() and "=?" not in text:
        if len(name) + 2 + len(text) <= FOLD_AT:
            return f"{name}: {text}\r\n"
        words = text.split(" ")
        if all(len(word) < FOLD_AT for word in words):
            return _fold(f"{name}:", words)
    return _fold(f"{name}:", list(_encoded_words(text)))


def mailbox(name: str, sender: Sender) -> str:
    """Write a header field with one mailbox and its display name: folded, CRLF at its end."""
    if not sender.name:
        return f"{name}: {sender.address}\r\n"
    if sender.name.isascii() and "=?" not in sender.name:
        if _PLAIN_PHRASE.fullmatch(sender.name):
            words = sender.name.split(" ")
        else:
            words = ['"' + sender.name.replace("\\", "\\\\").replace('"', '\\"') + '"']
    else:
        words = list(_encoded_words(sender.name))
    return _fold(f"{name}:", [*words, f"<{sender.address}>"])


def feedback_id(stream: str, domain: str) -> str:
    """Write Feedback-ID, by which Gmail counts complaints: the stream, then who sends (5 to 15 characters).

    https://support.google.com/mail/answer/6254652; there is nothing in it of one recipient or one message.
    """
    letters = re.sub("[^a-z0-9]", "", domain.lower())
    return f"Feedback-ID: {stream}:{letters[:_MOST_SENDER_ID].ljust(_LEAST_SENDER_ID, '0')}\r\n"


def own_field(name: str, value: str) -> str:
    """Write a header field of the product's own, folded only where that changes nothing of its value.

    `value` is visible ASCII and spaces. It goes out as it is: no provider decodes what only it reads.
    """
    words = value.split(" ")
    if all(0 < len(word) < FOLD_AT for word in words):
        return _fold(f"{name}:", words)
    return f"{name}: {value}\r\n"


def date(now_ms: int) -> str:
    """Write an instant as in Date (RFC 5322, 3.3), in UTC."""
    return _date(now_ms // 1000)


@functools.lru_cache(maxsize=8)  # many messages go out in one second
def _date(now_s: int) -> str:
    return format_datetime(datetime.fromtimestamp(now_s, UTC))


def _encoded_words(text: str) -> Iterator[str]:
    """Cut `text` into encoded words; no character is cut in two (RFC 2047, 5)."""
    chunk = b""
    for character in text:
        encoded = character.encode("utf-8")
        if len(chunk) + len(encoded) > _ENCODED_WORD_BYTES:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += encoded
    yield _encoded_word(chunk)


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?="


def _fold(start: str, words: list[str]) -> str:
    lines = [start]
    for word in words:
        # The first word stays beside the name of the field: some servers take an empty first line for the end.
        if len(lines[-1]) + 1 + len(word) > FOLD_AT and lines != [start]:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"
