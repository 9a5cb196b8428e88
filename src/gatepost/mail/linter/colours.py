"""Colours as style sheets write them: read, laid over each other, and told by how well one is read on another. Pure."""

import re
from typing import NamedTuple

from gatepost.accent import contrast

# Those that people write in mails; every other can be written as #rrggbb.
_NAMES = {
    **{
        "black": "000000",
        "silver": "c0c0c0",
        "gray": "808080",
        "grey": "808080",
        "white": "ffffff",
        "maroon": "800000",
    },
    **{
        "red": "ff0000",
        "purple": "800080",
        "fuchsia": "ff00ff",
        "green": "008000",
        "lime": "00ff00",
        "olive": "808000",
    },
    **{"yellow": "ffff00", "navy": "000080", "blue": "0000ff", "teal": "008080", "aqua": "00ffff", "orange": "ffa500"},
    **{"transparent": "00000000"},
}
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_NUMBER = re.compile(r"[\d.]+%?")
_RGB = re.compile(r"rgba?\(([^()]*)\)", re.IGNORECASE)
# One colour in a longer value, as in `background: url(a.png) #fff no-repeat`.
_ANY = re.compile(r"#[0-9a-f]{3,8}\b|rgba?\([^()]*\)|(?<![\w-])[a-z]+(?![\w(-])", re.IGNORECASE)
_ADDRESS = re.compile(r"url\([^()]*\)", re.IGNORECASE)


class Colour(NamedTuple):
    """Red, green and blue from 0 to 255, and how much of it is there, from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def over(self, ground: "Colour") -> "Colour":
        """What is seen where this is laid over a ground without holes."""
        pairs = zip(self[:3], ground[:3], strict=True)
        red, green, blue = (own * self.alpha + below * (1 - self.alpha) for own, below in pairs)
        return Colour(red, green, blue)

    def __str__(self) -> str:
        return "#" + "".join(f"{round(channel):02x}" for channel in self[:3])


WHITE, BLACK = Colour(255, 255, 255), Colour(0, 0, 0)


def read_colour(text: str) -> Colour | None:
    """Read `#rgb`, `#rrggbb`, either with alpha, `rgb(…)` or a common name; None for everything else."""
    text = text.strip().lower()
    digits = _NAMES.get(text) or (found[1] if (found := _HEX.fullmatch(text)) else None)
    if digits is not None:
        digits = "".join(digit * 2 for digit in digits) if len(digits) < 6 else digits
        red, green, blue, alpha = (int(f"{digits}ff"[place : place + 2], 16) for place in (0, 2, 4, 6))
        return Colour(red, green, blue, alpha / 255)
    found = _RGB.fullmatch(text)
    return _of_function(found[1]) if found else None


def colours_in(text: str) -> tuple[Colour, ...]:
    """Every colour that stands in a longer value, such as a gradient's stops."""
    found = (read_colour(word) for word in _ANY.findall(_ADDRESS.sub("", text)))
    return tuple(colour for colour in found if colour is not None)


def readability(ink: Colour, ground: Colour) -> float:
    """The contrast of a text's colour on its ground, from 1 to 21."""
    return contrast(str(ink.over(ground)), str(ground))


def _of_function(arguments: str) -> Colour | None:
    words = re.split(r"[\s,/]+", arguments.strip())
    if len(words) not in (3, 4) or not all(map(_NUMBER.fullmatch, words)):
        return None
    try:
        red, green, blue, *alpha = (_share(word, whole) for word, whole in zip(words, (255, 255, 255, 1), strict=False))
    except ValueError:
        return None
    return Colour(red, green, blue, alpha[0] if alpha else 1.0)


def _share(text: str, whole: float) -> float:
    value = float(text.removesuffix("%")) * whole / 100 if text.endswith("%") else float(text)
    return min(max(value, 0.0), whole)
