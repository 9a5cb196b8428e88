"""The colours a product's one colour becomes, on light and on dark ground, in pages and in mails. Pure.

Contrast is WCAG 2.2's. Lightness and hue are those of OKLCH (Ottosson, 2020): a colour that only gets darker or lighter
there still looks like itself.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

MIN_TEXT_CONTRAST = 4.5  # WCAG 1.4.3
MIN_LINE_CONTRAST = 3.0  # WCAG 1.4.11
# The grounds of pages and mails are these, or lighter, or darker: what can be read here can be read on all of them.
LIGHT_GROUND, DARK_GROUND = "#eaecea", "#1e2523"

_WHITE, _BLACK = "#ffffff", "#000000"
_HALVINGS = 10  # the lightness is found to 1/1024


@dataclass(frozen=True)
class Shades:
    """The colours of one scheme, each as `#rrggbb`.

    Args:
        accent: fills: buttons, marks.
        accent_strong: the same under a pointer.
        on_accent: text on both.
        accent_pale: a quiet ground for what belongs together.
        link: text in the accent, on every ground and on `accent_pale`.
        link_strong: the same under a pointer.
        focus: the line around what has the focus.
        accent_edge: the line around a fill that its ground would swallow; otherwise `transparent`.
    """

    accent: str
    accent_strong: str
    on_accent: str
    accent_pale: str
    link: str
    link_strong: str
    focus: str
    accent_edge: str = "transparent"

    def tokens(self) -> Mapping[str, str]:
        """The names by which stylesheets call them, without the two dashes."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Accent:
    """The colours of both schemes."""

    light: Shades
    dark: Shades


# As tokens.css has them: chosen by eye, from #0b6b4d.
DEFAULT = Accent(
    Shades("#0b6b4d", "#08523b", "#ffffff", "#dcebe4", "#0b6b4d", "#08523b", "#0b6b4d"),
    Shades("#57cfa2", "#82e0bd", "#06231a", "#1d3a2f", "#57cfa2", "#82e0bd", "#57cfa2"),
)


def accent_of(colour: str | None) -> Accent:
    """Make the colours of a product from its own, each as near to it as can be read; ours where it has none.

    Args:
        colour: `#rrggbb`.
    """
    if colour is None:
        return DEFAULT
    own = _Tone.of(colour)
    pale = _Tone(0.925, min(own.chroma * 0.4, 0.035), own.hue)
    dark_pale = _Tone(0.32, min(own.chroma * 0.4, 0.045), own.hue)
    return Accent(
        # A light colour stays a light button, with dark text. On dark ground a dark one would be a hole.
        _shades(colour, pale.colour(), LIGHT_GROUND, towards=0.0),
        _shades(_nearest(colour, [DARK_GROUND], MIN_LINE_CONTRAST, 1.0), dark_pale.colour(), DARK_GROUND, towards=1.0),
    )


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """How much light a colour gives, from 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _shades(fill: str, pale: str, ground: str, towards: float) -> Shades:
    """Make the colours of one scheme. Text on its grounds goes `towards` black (0) or white (1)."""
    grounds = [ground, pale]
    link = _nearest(fill, grounds, MIN_TEXT_CONTRAST, towards)
    focus = _nearest(fill, grounds, MIN_LINE_CONTRAST, towards)
    on_fill = _text_on(fill)
    return Shades(
        accent=fill,
        accent_strong=_stronger(fill, away_from=on_fill),
        on_accent=on_fill,
        accent_pale=pale,
        link=link,
        link_strong=_moved(link, 0.09 if towards else -0.09),
        focus=focus,
        accent_edge="transparent" if contrast(fill, ground) >= MIN_LINE_CONTRAST else focus,
    )


def _text_on(fill: str) -> str:
    """White where it can be read, else nearly black in the fill's own hue, else black: one of the two always can."""
    own = _Tone.of(fill)
    inks = (_WHITE, _Tone(0.2, min(own.chroma, 0.03), own.hue).colour(), _BLACK)
    return next(ink for ink in inks if contrast(ink, fill) >= MIN_TEXT_CONTRAST)


def _stronger(fill: str, away_from: str) -> str:
    """Move a fill away from the text on it; at the end of the scale, where the text has room, towards it."""
    own = _Tone.of(fill)
    if luminance(away_from) < luminance(fill):
        return _moved(fill, 0.07 if own.lightness <= 0.93 else -0.07)
    return _moved(fill, -0.07) if own.lightness >= 0.25 else own.at(0.32).colour()  # black, and what looks like it


def _moved(colour: str, by: float) -> str:
    own = _Tone.of(colour)
    return own.at(own.lightness + by).colour()


def _nearest(colour: str, grounds: list[str], least: float, towards: float) -> str:
    """Change the lightness of a colour, by no more than it takes to have `least` contrast with each ground."""

    def passes(candidate: str) -> bool:
        return all(contrast(candidate, ground) >= least for ground in grounds)

    if passes(colour):
        return colour
    own = _Tone.of(colour)
    near, far = own.lightness, towards  # black on a light ground passes, and white on a dark one
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if passes(own.at(middle).colour()) else (middle, far)
    return own.at(far).colour()


class _Tone(NamedTuple):
    """A colour in OKLCH: lightness from 0 to 1, chroma from 0 to about 0.32, hue in radians."""

    lightness: float
    chroma: float
    hue: float

    @classmethod
    def of(cls, colour: str) -> "_Tone":
        red, green, blue = _linear(colour)
        long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
        medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
        short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
        lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
        a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
        b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
        return cls(lightness, math.hypot(a, b), math.atan2(b, a))

    def at(self, lightness: float) -> "_Tone":
        return self._replace(lightness=min(max(lightness, 0.0), 1.0))

    def colour(self) -> str:
        """The colour a screen can show: with less chroma where there is none of so much at this lightness."""
        least, most = 0.0, self.chroma
        if _shown(self) is None:
            for _ in range(_HALVINGS):
                middle = (least + most) / 2
                least, most = (least, middle) if _shown(self._replace(chroma=middle)) is None else (middle, most)
            most = least
        found = _shown(self._replace(chroma=most)) or (self.lightness**3,) * 3
        return "#" + "".join(f"{round(255 * _encoded(channel)):02x}" for channel in found)


def _shown(tone: _Tone) -> tuple[float, ...] | None:
    """Red, green and blue in linear light; None where one is out of bounds."""
    a, b = tone.chroma * math.cos(tone.hue), tone.chroma * math.sin(tone.hue)
    long = (tone.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (tone.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (tone.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return channels if all(-0.001 <= channel <= 1.001 for channel in channels) else None


def _linear(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return _decoded(red), _decoded(green), _decoded(blue)


def _decoded(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(light: float) -> float:
    light = min(max(light, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
