"""A product's logo and colour on every page: proved at the start, served as files, never as inline style."""

import re
import struct
import zlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from gatepost.accent import DEFAULT, accent_of
from gatepost.app import Gatepost
from gatepost.errors import SettingsError
from gatepost.settings import Settings
from gatepost.web.branding import MAX_LOGO_BYTES, stylesheet
from gatepost.web.pictures import Picture, picture_of
from tests.web.site import Site

SVG = b'<?xml version="1.0"?><!-- a mark --><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"/>'


def png(width: int, height: int) -> bytes:
    """A whole PNG, all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\0" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


GIF = b"GIF89a" + struct.pack("<HH", 30, 10) + b"\0\0\0;"
JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    + b"\xff\xc2\0\x11\x08"
    + struct.pack(">HH", 50, 70)
    + b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xd9"
)
WEBP = {
    "lossy": b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", 64, 48),
    "lossless": b"RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0\x2f" + struct.pack("<I", 63 | 47 << 14),
    "extended": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x3f\0\0\x2f\0\0",
}


def with_logo(folder: Path, content: bytes, name: str = "logo", **settings: str) -> TestClient:
    file = folder / name
    file.write_bytes(content)
    return Site({"product_name": "Acme & Sons", "logo": file, **settings}).client()


def page(client: TestClient) -> str:
    return client.get("/register").text


def image(text: str) -> dict[str, str]:
    """The attributes of the logo."""
    (tag,) = re.findall(r"<img[^>]*>", text)
    return dict(re.findall(r'(\w+)="([^"]*)"', tag))


# The logo


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(20, 10), Picture("image/png", 20, 10)),
        (GIF, Picture("image/gif", 30, 10)),
        (JPEG, Picture("image/jpeg", 70, 50)),
        *((webp, Picture("image/webp", 64, 48)) for webp in WEBP.values()),
        (SVG, Picture("image/svg+xml", 40, 20)),
        (b"\xef\xbb\xbf<svg width='30px' height=\"10\">", Picture("image/svg+xml", 30, 10)),
        (b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN'>\n<svg>", Picture("image/svg+xml", 1, 1)),
    ],
)
def test_a_picture_is_known_by_its_bytes(content: bytes, expected: Picture) -> None:
    """Kind and size, whatever the file is called."""
    assert expected == picture_of(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JFIF", b"RIFF\0\0\0\0WEBPVP8 ", b"%PDF-1.7",
     b"<html><svg>", png(20, 10).replace(struct.pack(">II", 20, 10), struct.pack(">II", 0, 10)),
     b"\xff\xd8\xff\xda\0\0" * 9, b"<svg viewBox='0 0 0 0'>", b"<svg viewBox='0 0 1e 2'>", "svg".encode("utf-16")],
)  # fmt: skip
def test_what_is_no_picture_is_none(content: bytes) -> None:
    """Cut off, empty, another document, or without a size."""
    assert picture_of(content) is None


def test_a_logo_stands_beside_the_name_and_says_nothing_twice(tmp_path: Path) -> None:
    """Its alternative text is empty, because the name stands there; its size keeps its place free."""
    text = page(with_logo(tmp_path, png(40, 40)))
    shown = image(text)
    assert ("", "32", "32") == (shown["alt"], shown["width"], shown["height"])
    assert "<span>Acme &amp; Sons</span>" in text
    assert '<svg class="logo"' not in text


def test_a_wide_logo_is_the_written_name(tmp_path: Path) -> None:
    """From two and a half times as wide as high it stands alone, and its alternative text is the name."""
    text = page(with_logo(tmp_path, png(100, 40)))
    shown = image(text)
    assert ("Acme &amp; Sons", "90", "36") == (shown["alt"], shown["width"], shown["height"])
    assert "<span>Acme &amp; Sons</span>" not in text
    shown = image(page(with_logo(tmp_path, png(2000, 40))))
    assert ("240", "5") == (shown["width"], shown["height"])
    assert "<span>Acme &amp; Sons</span>" in page(with_logo(tmp_path, png(99, 40)))


def test_a_logo_is_served_as_what_it_is_and_can_do_nothing(tmp_path: Path) -> None:
    """Its type comes from its bytes; opened by itself, an SVG runs no script and loads nothing."""
    client = with_logo(tmp_path, SVG, "logo.png")
    answer: Response = client.get(image(page(client))["src"])
    assert (SVG, "image/svg+xml") == (answer.content, answer.headers["content-type"])
    assert "public, max-age=31536000, immutable" == answer.headers["cache-control"]
    assert "default-src 'none'; style-src 'unsafe-inline'; sandbox" == answer.headers["content-security-policy"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert client.head("/gatepost/static/logo").status_code == 200


def test_another_logo_has_another_address(tmp_path: Path) -> None:
    """Browsers keep each for a year."""
    first, second = (image(page(with_logo(tmp_path, content)))["src"] for content in (png(9, 9), png(8, 8)))
    assert first != second


@pytest.mark.parametrize(("content", "icon"), [(SVG, "logo"), (png(9, 9), "logo"), (GIF, "icon.svg")])
def test_the_tab_shows_the_logo_where_browsers_can(tmp_path: Path, content: bytes, icon: str) -> None:
    """SVG and PNG; otherwise it is our gate."""
    client = with_logo(tmp_path, content)
    (address,) = re.findall(r'<link rel="icon" href="([^"]+)"', page(client))
    assert f"/gatepost/static/{icon}" == address.partition("?")[0]
    kind = client.get(address).headers["content-type"]
    assert f'href="{address}" type="{kind}"' in page(client)


def test_without_a_logo_there_is_our_gate() -> None:
    """No picture is named that is not there."""
    client = Site().client()
    assert "<img" not in page(client)
    assert '<svg class="logo"' in page(client)
    assert 404 == client.get("/gatepost/static/logo").status_code


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            None,
            r"names .*logo, which cannot be read: No such file or directory; name a picture that this user may read",
        ),
        (b"%PDF-1.7", r"names .*logo, which is no SVG, PNG, WebP, JPEG or GIF, whatever it is called; save it as one"),
        (SVG.ljust(MAX_LOGO_BYTES + 1), r"names .*logo, which has more than 256 KiB; everybody loads it, so save it"),
    ],
)
def test_a_bad_logo_is_told_at_the_start(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """Missing, no picture, too large: the sentence begins with the setting, and names the file and the way out."""
    file = tmp_path / "logo"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"^logo {problem}"):
        Gatepost(Settings(logo=file, database_url=f"sqlite:///{tmp_path / 'a.db'}"))


def test_a_logo_of_just_the_limit_is_taken(tmp_path: Path) -> None:
    """256 KiB are allowed."""
    assert 200 == with_logo(tmp_path, SVG.ljust(MAX_LOGO_BYTES)).get("/gatepost/static/logo").status_code


# The colour


def test_a_colour_is_a_stylesheet_after_ours() -> None:
    """It replaces tokens, so it comes after them; nothing is written into the page."""
    client = Site({"accent_color": "#1D4ED8"}).client()
    sheets = re.findall(r'<link rel="stylesheet" href="/gatepost/static/([^"?]+)\?v=', page(client))
    assert ["tokens.css", "theme.css", "gatepost.css"] == sheets[:3]
    answer = client.get("/gatepost/static/theme.css")
    assert "text/css; charset=utf-8" == answer.headers["content-type"]
    assert stylesheet(accent_of("#1d4ed8")) == answer.text
    assert "<style" not in page(client)
    assert "style=" not in page(client)


def test_a_stylesheet_has_every_token_for_both_schemes() -> None:
    """The dark ones stand in the media query."""
    accent = accent_of("#ffd400")
    light, dark = stylesheet(accent).split("@media (prefers-color-scheme: dark)")
    for text, shades in ((light, accent.light), (dark, accent.dark)):
        assert dict(shades.tokens()) == dict(re.findall(r"--([a-z-]+): ([^;]+);", text))


def test_our_icon_takes_the_colour() -> None:
    """The gate in the browser's tab is of the product's colour, and its lines can be seen on it."""
    ours = Site().client().get("/gatepost/static/icon.svg").text
    yellow = Site({"accent_color": "#ffd400"}).client().get("/gatepost/static/icon.svg").text
    assert 'fill="#ffd400"' in yellow
    assert f'stroke="{accent_of("#ffd400").light.on_accent}"' in yellow
    assert "#0b6b4d" in ours
    assert "#0b6b4d" not in yellow
    assert "#fff" not in yellow.replace("#ffd400", "")


def test_without_a_colour_there_is_no_other_stylesheet() -> None:
    """The tokens are ours."""
    client = Site().client()
    assert "theme.css" not in page(client)
    assert 404 == client.get("/gatepost/static/theme.css").status_code


def test_mails_have_the_colour_of_the_pages(tmp_path: Path) -> None:
    """The button of a mail is the button of a page: the fill, the text on it, and both in the dark."""
    settings = Settings(accent_color="#ffd400", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    values = dict.fromkeys(("name", "email", "when", "where", "product_name", "unsubscribe_url"), "x")
    urls = dict.fromkeys(("public_url", "reset_url", "link"), "https://acme.example")
    html = Gatepost(settings)._templates.render("verification", "en", values | urls).html
    accent = accent_of("#ffd400")
    (button,) = re.findall(r'<a href="https://acme.example" style="([^"]*background-color[^"]*)"', html)
    assert f"background-color: {accent.light.accent};" in button
    assert f"color: {accent.light.on_accent};" in button.replace("background-color", "")
    dark = html.partition("@media (prefers-color-scheme: dark)")[2].partition("</style>")[0]
    for colour in (accent.dark.accent, accent.dark.on_accent, accent.dark.link):
        assert f"{colour} !important" in dark
    for shades in (DEFAULT.light, DEFAULT.dark):
        assert not {shades.accent, shades.accent_pale} & set(re.findall(r"#[0-9a-f]{6}", html))
    assert "{#" not in html
