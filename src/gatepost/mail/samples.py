"""Samples: made-up people and values that show what a template becomes, from the usual to the worst there may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatepost.mail.template import LINK
from gatepost.mail.templates import Templates
from gatepost.mail.unsubscribe import PATH, TOKEN_CHARACTERS

COMPLETE, BARE, LONG, HOSTILE = SAMPLES = ("complete", "bare", "long", "hostile")

# The attribute no template writes: an element that has it was made of a value.
MARK = "data-value"

# Messages of ours that keep an account safe: nobody unsubscribes from them. Of a product's own its drafts decide
# (Draft.security), and a sample shows the usual one, from which one can.
FOR_SAFETY = frozenset(
    {
        *("account_deleted", "account_exists", "address_change", "address_change_notice"),
        *("password_changed", "password_reset", "verification"),
    }
)

# As many letters as the token in a link has; it opens nothing.
_TOKEN = "a-sample-that-opens-nothing-" + "Ab3_" * 9
_MARKUP = f"\"'><i {MARK}>&amp;{{{{7*7}}}}"
_RIGHT_TO_LEFT = "مرحبا \u202eשלום\u2066"
_LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff Maria del Pilar Guadalupe von und zu Hohenzo"

# Ours that a message may go out without.
_MAY_BE_MISSING = frozenset({"name", "when", "where", "until"})

# What a product's own value looks like, told by a word in its name.
_MADE_UP = (
    (("url", "link", "page", "href"), "https://example.com/{name}"),
    (("number", "count", "amount", "quantity", "total"), "1042"),
    (("when", "date", "time", "day", "until", "deadline"), "2026-12-07 14:02 UTC"),
    (("email", "address"), "grace@example.com"),
    (("name", "by", "inviter", "giver", "sender", "author", "who"), "Grace Hopper"),
    (("code",), "K7QX-2M9P"),
)


@dataclass(frozen=True)
class Sample:
    """Whom a made-up message goes to, and with which values.

    Args:
        name: one of SAMPLES.
        recipient: an address that may be written to.
        product_name: what the product is called there; None for its own name.
        values: for the composer.
        unsubscribe_url: where its recipient unsubscribes; empty where that is not offered.
    """

    name: str
    recipient: str
    product_name: str | None
    values: Mapping[str, str] = field(repr=False)
    unsubscribe_url: str = ""


def sample(templates: Templates, message: str, name: str, public_url: str) -> Sample:
    """Make one sample of a message.

    Args:
        templates: what its values are asked of.
        message: which one.
        name: COMPLETE has every value; BARE only what there always is; LONG the longest there may be, in a name of 80
            characters, an address of 254 bytes and a product's name of 32; HOSTILE has markup, signs of templates and
            letters from right to left in every value.
        public_url: where its link leads.

    Raises:
        TemplateError: there is no such message.
        KeyError: there is no such sample.
    """
    make, recipient, product_name = {
        COMPLETE: (_complete, "ada@example.com", None),
        BARE: (_complete, "ada@example.com", None),
        LONG: (_long, f"{'a' * 64}@{'b' * 62}.{'c' * 61}.{'d' * 60}.com", "The Northern Lights Book Society"),
        HOSTILE: (_hostile, "o'{{7*7}}&ada@example.com", f"A&amp;{{{{7*7}}}} {_RIGHT_TO_LEFT}"),
    }[name]
    leads = templates.leads(message)
    values = {one: make(one, one in leads) for one in (*_OURS, *templates.own_values(message))}
    if name == BARE:
        empty = _MAY_BE_MISSING | templates.asked_for(message)
        values |= {one: "" for one in values if one in empty}
    if templates.has_link(message):
        values[LINK] = f"{public_url}/verify?token={_TOKEN}"
    unsubscribe_url = "" if message in FOR_SAFETY else f"{public_url}{PATH}{_TOKEN[:TOKEN_CHARACTERS]}"
    return Sample(name, recipient, product_name, values, unsubscribe_url)


_OURS = {
    "name": "Ada Lovelace",
    "when": "2026-11-23 14:02 UTC",
    "where": "203.0.113.0/24",
    "until": "2026-12-07 14:02 UTC",
    "new_address": "g***@example.org",
}


def _complete(value: str, leads: bool) -> str:
    if value in _OURS:
        return _OURS[value]
    if leads:
        return f"https://example.com/{value}"
    words = value.lower().split("_")
    for known, text in _MADE_UP:
        if any(word in known for word in words):
            return text.format(name=value)
    return f"Sample {value.replace('_', ' ')}"


def _long(value: str, leads: bool) -> str:
    if value == "where":
        return "2001:db8:ffff::/48"
    if value == "new_address":
        return f"g***@{'b' * 62}.{'c' * 61}.{'d' * 60}.com"
    usual = _complete(value, leads)
    if usual.startswith("https://"):
        return f"{usual}/{'long-' * 60}"
    if usual == "Grace Hopper" or value == "name":
        return _LONG_NAME
    if usual.startswith("Sample "):
        return f"{usual} with a good many words"
    return usual * 4 if usual.isdigit() else usual  # instants and codes are always as long


def _hostile(value: str, leads: bool) -> str:
    usual = _complete(value, leads)
    if usual.startswith("https://"):
        return f"{usual}?a=1&b='{{{{7*7}}}}%22%3E"
    return f"{_MARKUP} {_RIGHT_TO_LEFT}"
