"""The HTML of a mail in its frame: one scheme whatever the browser prefers, links on top, and which they are."""

import pytest

from gatepost.web.workshop.mail_html import MAX_LINKS, Link, framed, links_of

QUESTION = """<html><head><style>
@media (prefers-color-scheme: dark) { b {} } @media (Prefers-Color-Scheme:light) { i {} }
</style></head><body>Hi</body></html>"""


@pytest.mark.parametrize(("scheme", "true", "false"), [("dark", "b", "i"), ("light", "i", "b")])
def test_what_a_mail_asks_about_the_scheme_is_answered(scheme: str, true: str, false: str) -> None:
    """Its questions become conditions that always hold or never do, and its ground follows."""
    html = framed(QUESTION, scheme)
    assert f"@media (min-width: 0px) {{ {true} {{}} }}" in html
    assert f"@media (max-width: 0px) {{ {false} {{}} }}" in html
    assert "prefers-color-scheme" not in html.lower()
    assert f":root {{ color-scheme: only {scheme} !important }}</style></head>" in html


@pytest.mark.parametrize("html", [QUESTION, "<body>Hi</body>", "Hi", "<HEAD lang=en></HEAD >Hi"])
def test_links_replace_the_page_around_the_frame(html: str) -> None:
    """With or without a head of its own, once."""
    assert 1 == framed(html, "light").count('<base target="_top">')


def test_each_address_is_told_once_with_its_words_and_parts() -> None:
    """In the order of the HTML part, then what the text alone has; a full stop behind an address is not part of it."""
    address = "https://a.example/?x=1&amp;y=2"
    html = f'<a href="{address}">Con<b>firm</b> me</a> <a href="{address}">again</a> <a>none</a>'
    text = "Open https://a.example/?x=1&y=2 or (https://b.example/path)."
    expected = [
        Link("https://a.example/?x=1&y=2", "Confirm me", in_html=True, in_text=True),
        Link("https://b.example/path", "", in_html=False, in_text=True),
    ]
    assert expected == list(links_of(html, text))


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("https://a.example", True),
        ("HTTP://a.example", True),
        ("mailto:a@a.example", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//a.example", False),
        ("/register", False),
    ],
)
def test_only_what_runs_nothing_may_be_opened(address: str, may: bool) -> None:
    """A page makes a link of nothing else."""
    assert may == Link(address, "", in_html=True, in_text=False).may_be_opened


def test_no_mail_has_more_links_than_a_page_shows() -> None:
    """However many there are, and with no part at all."""
    many = "".join(f'<a href="https://a.example/{number}">x</a>' for number in range(2 * MAX_LINKS))
    assert (MAX_LINKS, 0) == (len(links_of(many, None)), len(links_of(None, None)))
