"""Addresses: which ones are taken, when two are the same, how one is written to a server and how it is shown in a log.

Pure: no DNS is asked. Whether a mailbox exists is proved by a mail that was answered, never by a look-up.
"""

import re
import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from gatepost.errors import N_, FieldError, InvalidInput, InvalidRecipient

# RFC 5321, 4.5.3.1.1 and 4.5.3.1.3, in octets: a path of 256 holds two angle brackets.
MAX_LOCAL_PART_BYTES = 64
MAX_ADDRESS_BYTES = 254

# Addresses that need no second look: most of them, and proving them again for every attempt must cost next to nothing.
# A test holds this to the whole proof: what matches here passes there, with the same result.
_PLAIN = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?=.{4,189}\Z)(?:[a-z0-9](?:-?[a-z0-9]){0,30}\.)+(?:com|net|org|[a-z]{2})"
)

_WIDE_AT_SIGNS = "\uff20\ufe6b"  # what an input method for Chinese or Japanese may type
_NO_PERIOD = N_("The part after the @-sign is not valid. It should have a period.")

_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class _Refused(Exception):
    """Why an address is not taken, as a sentence for the person who typed it; nothing of the address is in it.

    Args:
        text: the sentence, with `%(limit)s` where a number stands.
        limit: the number.
    """

    def __init__(self, text: str, limit: int | None = None) -> None:
        values = {} if limit is None else {"limit": limit}
        self.error = FieldError("email", "invalid_address", text, values)
        super().__init__(self.error.detail)


@dataclass(frozen=True)
class Address:
    """An address that may be written to.

    Args:
        text: as typed, character for character.
        key: its address key: two addresses are the same exactly when their keys are equal.
    """

    text: str
    key: str


def parse_address(text: str) -> Address:
    """Take an address from a person.

    The key is the local part in NFC with only ASCII letters lowercased, "@", and the domain as A-labels (UTS #46).
    No Unicode case folding, so that `mıke@` never becomes `mike@` (CVE-2019-19844).

    Raises:
        InvalidInput: it is no address (RFC 5321), or one that cannot be printed or submitted safely.
    """
    try:
        local_part, domain = _split(text)
    except _Refused as refusal:
        raise InvalidInput([refusal.error]) from None
    key = unicodedata.normalize("NFC", local_part).translate(_ASCII_LOWER)
    return Address(text=text, key=f"{key}@{domain}")


def wire_address(text: str) -> str:
    """Write a stored address as it goes into MAIL or RCPT, after proving again that it is one.

    The row may have been changed by somebody else, so nothing in it is trusted on the way to a server. The local part
    is kept as it is; when it is not ASCII, the server must offer SMTPUTF8 (RFC 6531). The domain becomes A-labels.

    Raises:
        InvalidRecipient: the stored text is no address; it is not repeated in the error.
    """
    if _PLAIN.fullmatch(text):
        return text
    try:
        local_part, domain = _split(text)
    except _Refused as refusal:
        raise InvalidRecipient(f"The stored recipient cannot be written to a server. {refusal}") from None
    return f"{local_part}@{domain}"


def mask_address(text: str) -> str:
    """Shorten an address for logs: "a***@example.com", and "***" for what is no address.

    The domain is shown as A-labels, so that none looks like another one: "а***@xn--pple-43d.com" has a Cyrillic "а".
    """
    local_part, at, domain = text.rpartition("@")
    if not at or not local_part or not domain or len(text) > MAX_ADDRESS_BYTES or not text.isprintable():
        return "***"
    if not domain.isascii():
        try:
            domain = _split(text)[1]
        except _Refused:
            return "***"
    return f"{local_part[0]}***@{domain}"


def _split(text: str) -> tuple[str, str]:
    """Prove that `text` is an address; give its local part as typed and its domain as A-labels."""
    # The length comes first: parsing work must not grow with what a stranger sends.
    if len(text) > MAX_ADDRESS_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_ADDRESS_BYTES:
        raise _Refused(N_("An email address has at most %(limit)s bytes."), MAX_ADDRESS_BYTES)
    local_part = text.rpartition("@")[0]
    if len(local_part.encode("utf-8", "surrogatepass")) > MAX_LOCAL_PART_BYTES:
        raise _Refused(N_("An email address has at most %(limit)s bytes before the @-sign."), MAX_LOCAL_PART_BYTES)
    validated = _validate(text)
    if "=?" in local_part:
        # Some mail software decodes an encoded word (RFC 2047) inside an address, and reads another address.
        raise _Refused(N_('An email address cannot contain "=?" before the @-sign.'))
    if any(_is_compatibility_form(character) for character in local_part):
        raise _Refused(N_("An email address cannot contain look-alike forms of other characters before the @-sign."))
    if "." not in validated.ascii_domain:
        raise _Refused(_NO_PERIOD)
    return local_part, validated.ascii_domain


def _validate(text: str) -> ValidatedEmail:
    try:
        return _validated(text)
    except EmailNotValidError:
        raise _Refused(_what_is_wrong(text)) from None


def _validated(text: str) -> ValidatedEmail:
    # `test_environment` only means that names under .test are taken: whoever tries Gatepost out needs them, and
    # in production they lead nowhere. `strict` counts the local part in characters; we count its bytes as well.
    return validate_email(
        text,
        strict=True,
        check_deliverability=False,
        test_environment=True,
        allow_smtputf8=True,
        allow_quoted_local=False,
        allow_domain_literal=False,
        allow_display_name=False,
    )


def _what_is_wrong(text: str) -> str:
    """Say in words of our own why the library refuses an address: its own exist in English only, and repeat parts.

    The slips people make have a sentence each; for the rest it is enough to know on which side of the @-sign to look.
    """
    local_part, at, domain = text.rpartition("@")
    parts = (local_part, domain)
    if not at and any(sign in text for sign in _WIDE_AT_SIGNS):
        return N_("Type the @-sign in its narrow form.")
    if not at:
        return N_("An email address must have an @-sign.")
    if not local_part:
        return N_("There must be something before the @-sign.")
    if not domain:
        return N_("There must be something after the @-sign.")
    if any(character.isspace() for character in text):
        return N_("An email address cannot contain spaces.")
    if "@" in local_part:
        return N_("An email address has only one @-sign.")
    if any(part.startswith(".") or part.endswith(".") or ".." in part for part in parts):
        return N_("A period must stand between two other characters.")
    if "." not in domain and domain.isascii():
        return _NO_PERIOD
    try:
        _validated(f"a@{domain}")
    except EmailNotValidError:
        return N_("The part after the @-sign is not valid.")
    return N_("The part before the @-sign is not valid.")


def _is_compatibility_form(character: str) -> bool:
    """Say whether a character is another way to write a different one: "ａ", "﹫", or the Kelvin sign for "K".

    Such an address could get the key of somebody else's (the Kelvin sign is a "K" in NFC), or turn into other syntax
    in a server that normalises (UTS #39, 3.3).
    """
    if character.isascii():
        return False
    compatible = unicodedata.normalize("NFKC", character)
    return compatible != unicodedata.normalize("NFC", character) or compatible.isascii()
