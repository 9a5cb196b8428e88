"""One colour of a product becomes colours that can be read, each as near to it as that allows."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.accent import DARK_GROUND, DEFAULT, LIGHT_GROUND, Accent, Shades, accent_of, contrast, luminance
from gatepost.mail.templates import PACKAGED

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
SCHEMES = (("light", LIGHT_GROUND), ("dark", DARK_GROUND))
TOKENS_CSS = (files("gatepost.web") / "static" / "tokens.css").read_text()
# The least and the greatest distance that rounding to 256 steps makes of the same contrast.
ROUNDING = 0.12


def shades_of(accent: Accent, scheme: str) -> Shades:
    return accent.light if scheme == "light" else accent.dark


def tokens_css(scheme: str) -> dict[str, str]:
    """The tokens of one scheme as tokens.css has them."""
    light, dark = TOKENS_CSS.split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


@pytest.mark.parametrize(("scheme", "ground"), SCHEMES)
@given(colour=COLOURS)
def test_whatever_the_colour_is_everything_can_be_read(scheme: str, ground: str, colour: str) -> None:
    """Text has 4.5:1 on each of its grounds, lines have 3:1, in both schemes."""
    shades = shades_of(accent_of(colour), scheme)
    for fill in (shades.accent, shades.accent_strong):
        assert contrast(shades.on_accent, fill) >= 4.5
    for under in (ground, shades.accent_pale, "#ffffff" if scheme == "light" else "#000000"):
        assert contrast(shades.link, under) >= 4.5
        assert contrast(shades.link_strong, under) >= 4.5
        assert contrast(shades.focus, under) >= 3


@pytest.mark.parametrize(("scheme", "ground"), SCHEMES)
@given(colour=COLOURS)
def test_nothing_is_moved_further_than_it_must_be(scheme: str, ground: str, colour: str) -> None:
    """The fill of light pages is the colour itself; what had to be changed has just the contrast it needs."""
    shades = shades_of(accent_of(colour), scheme)
    if scheme == "light":
        assert colour == shades.accent
    for changed, least in ((shades.link, 4.5), (shades.focus, 3.0)):
        if changed != shades.accent:
            reached = min(contrast(changed, under) for under in (ground, shades.accent_pale))
            assert least <= reached < least + ROUNDING * 4


@given(colour=COLOURS)
def test_a_button_is_seen_on_its_ground(colour: str) -> None:
    """A fill that its ground would swallow has a line around it; on dark ground every fill stands out by itself."""
    accent = accent_of(colour)
    edge = accent.light.accent_edge
    assert (edge == "transparent") == (contrast(colour, LIGHT_GROUND) >= 3)
    assert edge == "transparent" or contrast(edge, LIGHT_GROUND) >= 3
    assert contrast(accent.dark.accent, DARK_GROUND) >= 3


@given(colour=COLOURS)
def test_a_pointer_changes_a_button(colour: str) -> None:
    """The fill under a pointer is another one."""
    for shades in (accent_of(colour).light, accent_of(colour).dark):
        assert shades.accent != shades.accent_strong


@given(colour=COLOURS)
def test_all_text_of_a_page_can_be_read_on_the_quiet_ground(colour: str) -> None:
    """`--text`, `--muted` and `--wrong` of tokens.css stand on it too."""
    for scheme, _ in SCHEMES:
        tokens, pale = tokens_css(scheme), shades_of(accent_of(colour), scheme).accent_pale
        for name in ("text", "muted", "wrong"):
            assert contrast(tokens[name], pale) >= 4.5, name


@pytest.mark.parametrize(
    ("colour", "light", "text", "link"),
    [
        ("#0b6b4d", "#0b6b4d", "#ffffff", "#0b6b4d"),
        ("#1d4ed8", "#1d4ed8", "#ffffff", "#1d4ed8"),
        ("#ffd400", "#ffd400", "#1a1606", "#7c6500"),
        ("#000000", "#000000", "#ffffff", "#000000"),
        ("#ffffff", "#ffffff", "#161616", "#676767"),
    ],
)
def test_a_few_colours_as_people_see_them(colour: str, light: str, text: str, link: str) -> None:
    """A green and a blue stay as they are; a yellow keeps its yellow button, with dark text, and its links get dark."""
    shades = accent_of(colour).light
    assert (light, text, link) == (shades.accent, shades.on_accent, shades.link)


def test_without_a_colour_it_is_ours_as_the_stylesheet_has_it() -> None:
    """The colours in tokens.css and in the mails are the same."""
    assert DEFAULT == accent_of(None)
    for scheme, _ in SCHEMES:
        ours = {name: value for name, value in shades_of(DEFAULT, scheme).tokens().items() if value != "transparent"}
        assert ours == {name: tokens_css(scheme).get(name) for name in ours}


def test_every_ground_of_pages_and_mails_is_within_the_bounds() -> None:
    """No light ground is darker than the one the colours are made for, and no dark one lighter."""
    for name in ("ground", "surface", "field"):
        assert luminance(tokens_css("light")[name]) >= luminance(LIGHT_GROUND)
        assert luminance(tokens_css("dark")[name]) <= luminance(DARK_GROUND)
    light, dark = (PACKAGED / "layout.html").read_text().split("@media (prefers-color-scheme: dark)")
    names = set(re.findall(r"background-color: var\(--([a-z-]+)\)", light)) - {"accent"}
    assert len(names) >= 2
    for name in names:
        (colour,) = re.findall(rf"--{name}: (#[0-9a-f]{{6}});", light)
        assert luminance(colour) >= luminance(LIGHT_GROUND)
    grounds = re.findall(r"background: (#[0-9a-f]{6})", dark)
    assert len(grounds) >= 2
    assert max(map(luminance, grounds)) <= luminance(DARK_GROUND)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ff0000", 1),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, expected: float) -> None:
    """Known pairs have their known contrast, in either order."""
    assert expected == pytest.approx(contrast(one, other), abs=0.005)
