"""What kind of picture some bytes are, and how large it is: read from them, whatever the file is called. Pure.

Nothing is decoded: the file is the operator's own, and browsers do the rest.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# An SVG document: what may stand before its root, and the root.
_SVG = re.compile(
    r"\A\ufeff?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*(<svg\b[^>]*>)", re.DOTALL | re.IGNORECASE
)
_VIEW_BOX = re.compile(r"\bviewBox\s*=\s*[\"']\s*[-\d.e]+[\s,]+[-\d.e]+[\s,]+([\d.e]+)[\s,]+([\d.e]+)")
_SIDE = r"\s{}\s*=\s*[\"']\s*([\d.]+)(?:px)?\s*[\"']"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Picture:
    """A picture that browsers show.

    Args:
        media_type: as it is served.
        width: in pixels, or in any unit where only the shape is known.
        height: alike.
    """

    media_type: str
    width: float
    height: float


def picture_of(content: bytes) -> Picture | None:
    """Say what picture it is; None for what is no SVG, PNG, WebP, JPEG or GIF, or does not say its size."""
    for media_type, size_of in _KINDS:
        try:
            width, height = size_of(content)
        except (ValueError, struct.error, IndexError, StopIteration):
            continue
        if width > 0 and height > 0:
            return Picture(media_type, width, height)
    return None


def _png(content: bytes) -> tuple[float, float]:
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        raise ValueError("no PNG")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _gif(content: bytes) -> tuple[float, float]:
    if content[:6] not in (b"GIF87a", b"GIF89a"):
        raise ValueError("no GIF")
    width, height = struct.unpack("<HH", content[6:10])
    return width, height


def _jpeg(content: bytes) -> tuple[float, float]:
    if not content.startswith(b"\xff\xd8\xff"):
        raise ValueError("no JPEG")
    place = next(place for place in _segments(content) if content[place + 1] in _START_OF_FRAME)
    height, width = struct.unpack(">HH", content[place + 5 : place + 9])
    return width, height


def _segments(content: bytes) -> Iterator[int]:
    """Where each segment of a JPEG begins."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        yield place
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")


def _webp(content: bytes) -> tuple[float, float]:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise ValueError("no WebP")
    if content[12:16] == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if content[12:16] == b"VP8L":
        (bits,) = struct.unpack("<I", content[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", content[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _svg(content: bytes) -> tuple[float, float]:
    root = _SVG.match(content.decode("utf-8"))
    if root is None:
        raise ValueError("no SVG")
    if (box := _VIEW_BOX.search(root[1])) is not None:
        return float(box[1]), float(box[2])
    sides = [re.search(_SIDE.format(side), root[1]) for side in ("width", "height")]
    width, height = (float(side[1]) if side else 1.0 for side in sides)  # without either it has no shape of its own
    return width, height


_KINDS = (
    ("image/png", _png),
    ("image/jpeg", _jpeg),
    ("image/webp", _webp),
    ("image/gif", _gif),
    ("image/svg+xml", _svg),
)
