"""What makes our pages those of a product: its logo, its colour, and the files that carry them.

Everything is read and proved once, when Gatepost is put together, and served from memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from gatepost.accent import DEFAULT, Accent, Shades, accent_of
from gatepost.errors import SettingsError
from gatepost.settings import Settings
from gatepost.settings.sources import label
from gatepost.web.pictures import Picture, picture_of

MAX_LOGO_BYTES = 256 * 1024
# From this shape on a picture is taken for the product's written name.
_WORDMARK = 2.5
_MARK_HEIGHT, _WORDMARK_HEIGHT, _MAX_WIDTH = 32, 36, 240  # in CSS pixels: it fits on a phone
_ICONS = frozenset({"image/svg+xml", "image/png"})
# An SVG that is opened by itself is a document. This one may draw, and nothing else.
PICTURE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


@dataclass(frozen=True)
class File:
    """A file to be served.

    Args:
        content: its bytes.
        media_type: what they are.
        headers: header fields that belong to its answer.
    """

    content: bytes = field(repr=False)
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Logo:
    """The picture at the head of a page.

    Args:
        width: in CSS pixels, at the height it is meant to have.
        height: in CSS pixels.
        alone: it is a picture of the product's name, so the name does not stand beside it.
    """

    width: int
    height: int
    alone: bool


@dataclass(frozen=True)
class Brand:
    """What a product set.

    Args:
        files: by the name they are served under; one with the name of ours takes its place.
        logo: how the file `logo` is shown; None without one.
        icon: name and media type of the file that browsers show in the tab.
    """

    files: Mapping[str, File] = field(default_factory=dict)
    logo: Logo | None = None
    icon: tuple[str, str] = ("icon.svg", "image/svg+xml")


def brand_of(settings: Settings) -> Brand:
    """Read the product's logo and make its stylesheet.

    Raises:
        SettingsError: the logo cannot be read, is too large or no picture.
    """
    accent = accent_of(settings.accent_color)
    found = {} if settings.accent_color is None else {"theme.css": _theme(accent), "icon.svg": _icon(accent)}
    if settings.logo is None:
        return Brand(found)
    content, picture = _read(settings.logo, label("logo", settings.sources["logo"]))
    icon = ("logo", picture.media_type) if picture.media_type in _ICONS else Brand.icon
    return Brand({**found, "logo": File(content, picture.media_type, PICTURE_HEADERS)}, _shown(picture), icon)


def stylesheet(accent: Accent) -> str:
    """The tokens of an accent for both schemes, to be loaded after tokens.css."""
    light, dark = _rule(accent.light), _rule(accent.dark)
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _rule(shades: Shades) -> str:
    return ":root {\n" + "".join(f"  --{name}: {colour};\n" for name, colour in shades.tokens().items()) + "}\n"


def _theme(accent: Accent) -> File:
    return File(stylesheet(accent).encode(), "text/css; charset=utf-8")


def _icon(accent: Accent) -> File:
    """Our own icon in the product's colour."""
    drawn = (files("gatepost.web") / "static" / "icon.svg").read_text("utf-8")
    drawn = drawn.replace('"#fff"', f'"{accent.light.on_accent}"').replace(DEFAULT.light.accent, accent.light.accent)
    return File(drawn.encode(), "image/svg+xml")


def _read(path: Path, setting: str) -> tuple[bytes, Picture]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_LOGO_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"{setting} names {path}, which cannot be read: {error.strerror}; name a picture that this user may read."
        ) from None
    if len(content) > MAX_LOGO_BYTES:
        raise SettingsError(
            f"{setting} names {path}, which has more than {MAX_LOGO_BYTES // 1024} KiB;"
            " everybody loads it, so save it smaller."
        )
    picture = picture_of(content)
    if picture is None:
        raise SettingsError(
            f"{setting} names {path}, which is no SVG, PNG, WebP, JPEG or GIF, whatever it is called; save it as one."
        )
    return content, picture


def _shown(picture: Picture) -> Logo:
    shape = picture.width / picture.height
    alone = shape >= _WORDMARK
    height = min(_WORDMARK_HEIGHT, _MAX_WIDTH / shape) if alone else _MARK_HEIGHT
    return Logo(max(1, round(height * shape)), max(1, round(height)), alone)
