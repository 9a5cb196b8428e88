"""How well each text of a mail's page can be read on its ground, in its light and in its dark look. Pure.

Of the styles only what a mail may use is known: colours and grounds of elements, inherited as in a browser.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatepost.accent import MIN_TEXT_CONTRAST
from gatepost.mail.linter.colours import WHITE, Colour, colours_in, read_colour, readability
from gatepost.mail.linter.page import Element, Page
from gatepost.mail.schemes import SCHEMES, has_two_looks, styled, supports_dark

# What a program draws on where the page says nothing: paper, text, link.
_PAPER, _INK, _LINK = WHITE, Colour(0, 0, 0), Colour(0, 0, 238)
_DARK_PAPER, _DARK_INK, _DARK_LINK = Colour(18, 18, 18), WHITE, Colour(158, 158, 255)
_SAME = ("inherit", "currentcolor", "unset")


@dataclass(frozen=True)
class Faint:
    """A text that is hard to read: the colours, the contrast, and how it begins."""

    scheme: str
    ink: str
    ground: str
    contrast: float
    text: str


@dataclass(frozen=True)
class Unreadable:
    """A colour that is written in a way nobody here knows."""

    value: str


def faint_texts(html: str) -> Iterator[Faint | Unreadable]:
    """Yield each pair of colours below 4.5:1 once for each look there is, and each colour that cannot be read."""
    for scheme in SCHEMES if has_two_looks(html) else SCHEMES[:1]:
        dark = scheme == "dark" and supports_dark(html)
        told: set[object] = set()
        for around, text in Page(styled(html, scheme)).texts:
            said = " ".join(text.split())
            if not said or around[-1].hidden:
                continue
            for found in _judged(around, said, scheme, dark=dark):
                key = found if isinstance(found, Unreadable) else (found.ink, found.ground)
                if key not in told:
                    told.add(key)
                    yield found


def _judged(around: Sequence[Element], said: str, scheme: str, *, dark: bool) -> Iterator[Faint | Unreadable]:
    ink = _DARK_INK if dark else _INK
    grounds: tuple[Colour, ...] = (_DARK_PAPER if dark else _PAPER,)
    for element in around:
        if element.tag == "a":
            ink = _DARK_LINK if dark else _LINK
        asked = element.style.get("color") or element.attributes.get("color", "")
        if asked and asked.lower() not in _SAME:
            found = read_colour(asked)
            if found is None:
                yield Unreadable(asked)
            ink = found or ink
        laid = element.style.get("background") or element.attributes.get("bgcolor", "")
        # Of a picture's colours nothing is known; of a gradient each may be behind the text.
        stops = colours_in(laid)
        grounds = tuple({stop.over(ground) for stop in stops for ground in grounds}) or grounds
    worst = min(grounds, key=lambda ground: readability(ink, ground))
    if readability(ink, worst) < MIN_TEXT_CONTRAST:
        shown = said if len(said) <= 40 else said[:39] + "…"
        yield Faint(scheme, str(ink.over(worst)), str(worst), readability(ink, worst), shown)
