"""Pages of the operators, found as a person finds them: by the links from the first one, one of each kind."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from urllib.parse import parse_qsl, unquote, urlsplit

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# A file that is downloaded, and what is shown within another page, are no pages of their own.
_NO_PAGES = re.compile(
    r"\.csv|/static/|/messages/[^/?]+/mail\b|/live\b|/admin/templates/[^?]*/(html|text|body|preview)\b"
)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := dict(attrs).get("href")):
            self.found.append(href)


def shape(path: str) -> str:
    """What a page is a page of: its address without ids, addresses of people and what was looked for."""
    parts = urlsplit(path)
    names = "&".join(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
    folder = _ID.sub("{id}", unquote(parts.path))
    folder = re.sub(r"^/admin/templates/.+", "/admin/templates/{one}", folder)
    folder = re.sub(r"/[^/]*@[^/]*", "/{address}", folder)
    return f"{folder}?{names}" if names else folder


def crawl(open_page: Callable[[str], str], first: Sequence[str]) -> Iterator[str]:
    """Yield the pages to begin with, and one address of each further shape that links lead to.

    Args:
        open_page: returns the text of a page, whatever it is answered with.
        first: paths to begin with; all of them are pages.
    """
    waiting = deque(first)
    shapes = {shape(one) for one in first}
    while waiting:
        path = waiting.popleft()
        yield path
        links = _Links()
        links.feed(open_page(path))
        for href in links.found:
            href = (f"{urlsplit(path).path}{href}" if href.startswith("?") else href).partition("#")[0]
            if href.startswith("/admin") and not _NO_PAGES.search(href) and shape(href) not in shapes:
                shapes.add(shape(href))
                waiting.append(href)
