"""How well texts are read on their grounds: what a browser would show, without one."""

import pytest

from gatepost.mail.linter.colours import Colour, colours_in, read_colour, readability
from gatepost.mail.linter.contrast import Faint, Unreadable, faint_texts
from gatepost.mail.linter.page import Page

DARK = "@media (prefers-color-scheme: dark)"


def faint(page: str) -> list[tuple[str, str, str]]:
    return [(one.scheme, one.ink, one.ground) for one in faint_texts(page) if isinstance(one, Faint)]


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<p style="color: #767676">x</p>', []),
        ('<p style="color: #777">x</p>', [("light", "#777777", "#ffffff")]),
        ('<p style="color: #777; background-color: #888">x</p>', [("light", "#777777", "#888888")]),
        ('<p style="color: #777; background: rgb(136, 136, 136)">x</p>', [("light", "#777777", "#888888")]),
        ('<p style="background: #888; background-color: #000; color: #fff">x</p>', []),
        ('<div style="background: #888"><b style="color: gray">x</b></div>', [("light", "#808080", "#888888")]),
        ('<div style="color: #888"><b style="color: inherit">x</b></div>', [("light", "#888888", "#ffffff")]),
        ('<p style="color: #00000066">x</p>', [("light", "#999999", "#ffffff")]),
        ('<p style="background: rgb(0 0 0 / 80%)">x</p>', [("light", "#000000", "#333333")]),
        ('<p style="color: #fff; background: linear-gradient(#000, #fff)">x</p>', [("light", "#ffffff", "#ffffff")]),
        ('<p style="color: #fff; background: url(#fff.png) #000">x</p>', []),
        ('<table bgcolor="#111111"><tr><td>x</td></tr></table>', [("light", "#000000", "#111111")]),
        ('<font color="#777777">x</font>', [("light", "#777777", "#ffffff")]),
        ('<p style="background: black"><a href="#">x</a></p>', [("light", "#0000ee", "#000000")]),
        ('<p style="color: #fff"><br>x</p><p>after</p>', [("light", "#ffffff", "#ffffff")]),
        ('<p style="color: #fff">&nbsp; </p>', []),
        ('<p style="color: #fff; display: none">x</p>', []),
        ('<div style="display: none"><p style="color: #fff">x</p></div>', []),
    ],
)
def test_a_text_is_judged_on_the_ground_it_is_seen_on(page: str, found: list[tuple[str, str, str]]) -> None:
    """Its own colours, what it inherits, what is laid over what; not what nobody sees."""
    assert found == faint(page)


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        (f"{DARK} {{ body {{ background: #111 }} }}", [("dark", "#000000", "#111111")]),
        (f"{DARK} {{ body {{ background: #111 }} p {{ color: #eee }} }}", []),
        ("@media screen and (prefers-color-scheme:dark) { p { color: #fff } }", [("dark", "#ffffff", "#ffffff")]),
        (f"/* }} */ {DARK} {{ i {{ color: red }} p {{ color: #fff }} }}", [("dark", "#ffffff", "#ffffff")]),
        ("@media (prefers-color-scheme: light) { p { color: #fff } }", [("light", "#ffffff", "#ffffff")]),
        (f"{DARK} {{ :root {{ --ink: #fff }} p {{ color: var(--ink) }} }}", [("dark", "#ffffff", "#ffffff")]),
        (f"{DARK} and (max-width: 480px) {{ p {{ color: #fff }} }}", []),
        ("@media print { p { color: #fff } }", []),
        ("@import 'x'; p { color: #fff }", [("light", "#ffffff", "#ffffff")]),
        (":root { color-scheme: light dark } p { color: #333 }", [("dark", "#333333", "#121212")]),
        (":root { color-scheme: light dark } p { color: #9e9eff }", [("light", "#9e9eff", "#ffffff")]),
    ],
)
def test_each_look_has_its_own_colours(sheet: str, found: list[tuple[str, str, str]]) -> None:
    """What a style sheet says in either scheme, and what a program draws on where the page says nothing."""
    page = f"<html><head><style>{sheet}</style></head><body><p>x</p></body></html>"
    assert found == faint(page)


def test_what_is_urgent_wins_over_what_stands_in_the_element() -> None:
    """A dark rule with !important counts, and one without does not: the element's own declaration is nearer."""
    page = "<style>{} {{ p {{ color: #fff{} }} }}</style><p style='color: #000'>x</p>"
    assert [] == faint(page.format(DARK, ""))
    assert [("dark", "#ffffff", "#ffffff")] == faint(page.format(DARK, " !important"))


def test_a_pair_of_colours_is_told_once() -> None:
    """With the words of the first text that has it, cut at forty."""
    (found,) = faint_texts(f"<p style='color: #fff'>{'word ' * 20}</p><p style='color: #fff'>other</p>")
    assert isinstance(found, Faint)
    assert ("word word word word word word word word…", 1.0) == (found.text, found.contrast)


@pytest.mark.parametrize("value", ["hsl(0 0% 0%)", "rebeccapurple", "rgb(nan, 0, 0)", "rgb(1, 2)"])
def test_a_colour_nobody_knows_is_told(value: str) -> None:
    """As it is written, so that somebody can write it otherwise."""
    assert [Unreadable(value)] == list(faint_texts(f"<p style='color: {value}'>x</p>"))


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#abc", Colour(170, 187, 204)),
        ("#ABCF", Colour(170, 187, 204)),
        ("#aabbcc00", Colour(170, 187, 204, 0)),
        (" White ", Colour(255, 255, 255)),
        ("transparent", Colour(0, 0, 0, 0)),
        ("rgb(1,2,3)", Colour(1, 2, 3)),
        ("rgba(100%, 0%, 300, .5)", Colour(255, 0, 255, 0.5)),
        ("#12", None),
        ("", None),
        ("none", None),
    ],
)
def test_colours_are_read(text: str, colour: Colour | None) -> None:
    """In every form that mails use."""
    assert colour == read_colour(text)


def test_colours_are_found_in_a_longer_value() -> None:
    """In their order, and no word that is none."""
    assert ("#ff0000", "#00ff00") == tuple(map(str, colours_in("no-repeat center red url(#abc.png), lime")))


def test_readability_is_wcags() -> None:
    """Black on white is 21, and a colour on itself 1."""
    assert (21.0, 1.0) == (
        readability(Colour(0, 0, 0), Colour(255, 255, 255)),
        readability(Colour(9, 9, 9), Colour(9, 9, 9)),
    )


@pytest.mark.parametrize(
    ("page", "preheader"),
    [
        ("<body><div style='display:none'>One &amp; two &zwnj;&nbsp;&zwnj;</div><p>x</p></body>", "One & two"),
        ("<body><div style='display:none'>One</div><span style='opacity:0'> two</span><p>x</p></body>", "One two"),
        ("<body><p>x</p><div style='display:none'>One</div></body>", ""),
        ("<body><div style='display:none'>&zwnj;&nbsp;</div><p>x</p></body>", ""),
    ],
)
def test_the_preheader_is_the_hidden_text_that_comes_first(page: str, preheader: str) -> None:
    """Without what only fills it up; there is none where something is seen before it."""
    assert preheader == Page(page).preheader


def test_a_link_says_all_the_text_in_it() -> None:
    """Also across elements; an end that was never opened closes nothing."""
    (link,) = Page("<p><a href=' /x '>One <b>two</b></i> three</a> four</p>").links
    assert ("/x", "One two three") == (link.address, link.text)
