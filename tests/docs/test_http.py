"""docs/reference/http.md against the routes the service has."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from gatepost.app import Gatepost, create_app
from gatepost.outbox.search import MAX_PAGE
from gatepost.settings import Settings
from gatepost.web.problems import PROBLEMS
from tests.docs.pages import REFERENCE, code_words, rows, section

PAGE = (REFERENCE / "http.md").read_text()


def service(folder: Path, **settings: Any) -> FastAPI:
    """The service as development runs it, not started."""
    return create_app(Gatepost(Settings(database_url=f"sqlite:///{folder / 'gatepost.db'}", **settings)))


def endpoints(routes: Sequence[Any]) -> Iterator[str]:
    """METHOD and path of every route, also of included routers; HEAD goes with GET."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from endpoints(included.routes)
        else:
            yield from (f"{method} {route.path}" for method in route.methods - {"HEAD"})


def test_every_route_is_documented(tmp_path):
    """The tables name each route of the service, and no other."""
    documented = [words for cells in rows(PAGE) for words in code_words(cells[0])]
    assert sorted(documented) == sorted(set(endpoints(service(tmp_path).routes)))


@pytest.mark.parametrize("reveal", [False, True])
def test_every_problem_of_a_route_is_documented(tmp_path, reveal):
    """The last column holds the codes that the API's own description gives for the route."""
    document = service(tmp_path, reveal_accounts=reveal).openapi()
    sections = ("Accounts", "Accounts, for operators", "Messages", "Suppressions", "Feedback", "Probes")
    for cells in [cells for name in sections for cells in rows(section(PAGE, name))]:
        method, path = code_words(cells[0])[0].split()
        responses = document["paths"][path][method.lower()]["responses"].values()
        described = {code for one in responses for code in re.findall(r"(\w+): ", one["description"])}
        named = {word for word in code_words(cells[-1]) if word in PROBLEMS}
        assert (path, described | ({"address_taken"} & named)) == (path, named)


def test_the_bounds_of_a_page_are_documented():
    """The largest page is named."""
    assert f"`limit` (1 to {MAX_PAGE}, 50)" in PAGE
