"""The HTML of a mail as our development pages show it: locked into a frame, in a scheme of choice, with its links.

Pure. Nothing here makes foreign HTML safe; the policy does, and the frame's sandbox.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal

from gatepost.mail.schemes import in_scheme

# The mail's own styles and pictures in data: addresses; no script, no form, nothing from anywhere else.
MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
)
MAX_LINKS = 100
Scheme = Literal["light", "dark"]

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_END_OF_HEAD = re.compile(r"</head\s*>", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_MAY_BE_OPENED = ("https://", "http://", "mailto:")


def framed(html: str, scheme: Scheme) -> str:
    """Prepare a mail for its frame: links replace the page around it, as in a mail program, and it has one scheme.

    Browsers disagree about which scheme a frame has, so what the mail asks is answered here.
    """
    answered = in_scheme(html, scheme)
    base = '<base target="_top">'
    forced = f"<style>:root {{ color-scheme: only {scheme} !important }}</style>"
    if _HEAD.search(answered) and _END_OF_HEAD.search(answered):
        opened = _HEAD.sub(lambda head: head[0] + base, answered, count=1)
        return _END_OF_HEAD.sub(lambda end: forced + end[0], opened, count=1)
    return base + forced + answered


@dataclass(frozen=True)
class Link:
    """One address a mail leads to.

    Args:
        address: as it stands there.
        words: what a reader sees of it in the HTML part; empty when it is in the text part alone.
        in_html: whether the HTML part has it.
        in_text: whether the text part has it.
    """

    address: str = field(repr=False)  # the token is in it
    words: str = field(repr=False)
    in_html: bool
    in_text: bool

    @property
    def may_be_opened(self) -> bool:
        """Whether a page may make a link of it: only of kinds that run nothing."""
        return self.address.lower().startswith(_MAY_BE_OPENED)


def links_of(html: str | None, text: str | None) -> Sequence[Link]:
    """Return the addresses a mail leads to, each once, in the order in which they stand; at most MAX_LINKS."""
    reader = _Links()
    reader.feed(html or "")
    reader.close()
    in_text = list(dict.fromkeys(found.rstrip(".,;:)") for found in _ADDRESS.findall(text or "")))
    both = [*reader.words, *(address for address in in_text if address not in reader.words)]
    return [
        Link(
            address,
            " ".join("".join(reader.words.get(address, [])).split()),
            in_html=address in reader.words,
            in_text=address in in_text,
        )
        for address in both[:MAX_LINKS]
    ]


class _Links(HTMLParser):
    """Collects the words of each link by its address."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: dict[str, list[str]] = {}
        self._within: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") if tag == "a" else None
        if address:
            self._within = None if address in self.words else address  # the first one's words are enough
            self.words.setdefault(address, [])

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._within = None

    def handle_data(self, data: str) -> None:
        if self._within is not None:
            self.words[self._within].append(data)
