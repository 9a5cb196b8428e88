"""Every page of the operators in a lived-in house, found as a person finds them: by the links from the first one."""

import re
from collections import deque
from html.parser import HTMLParser
from urllib.parse import parse_qsl, unquote, urlsplit

from gatepost.operators.role import Role
from tests.browser.admin_house import ADA, BO, FULL, GONE, HELD, LOST, UNKNOWN, AdminHouse

FIRST = "/admin"
# What is not linked, and what is looked for.
ELSEWHERE = ("/admin/nowhere", "/admin/messages/no-such-id", f"/admin/messages?q={FULL}", "/admin/messages?q=example")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# A file that is downloaded, and a page that is shown within another, are no pages of their own.
_NO_PAGES = re.compile(r"\.csv|/static/|/mail\b|/live\b|/preview\b|/admin/templates/[^?]*/(html|text)")


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


def every_page(house: AdminHouse, role: Role = Role.OWNER) -> list[str]:
    """One address of each shape that links lead to, and a message in each plight."""
    people = (FULL, GONE, LOST, ADA, BO, HELD)
    first = [FIRST, *(f"/admin/messages/{house.message(one)}" for one in people), *ELSEWHERE]
    first += [f"/admin/messages?q={UNKNOWN}", "/admin/login"]
    waiting = deque(first)
    shapes = {shape(one) for one in first}
    found: list[str] = []
    while waiting:
        path = waiting.popleft()
        found.append(path)
        for href in _linked(house, path, role):
            if shape(href) not in shapes:
                shapes.add(shape(href))
                waiting.append(href)
    return found


def _linked(house: AdminHouse, path: str, role: Role) -> list[str]:
    """Where a page leads within /admin.

    A page that fails leads nowhere, and is found by whoever looks at it.
    """
    _, text = house.get(path, role)
    links = _Links()
    links.feed(text)
    here = [f"{urlsplit(path).path}{one}" if one.startswith("?") else one for one in links.found]
    return [one.partition("#")[0] for one in here if one.startswith(FIRST) and not _NO_PAGES.search(one)]
