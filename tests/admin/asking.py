"""The routes of the operators' pages with the role each names, and a way to ask one that may never end its answer."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from gatepost.operators.role import Role

ANSWER_WITHIN_S = 20


@dataclass(frozen=True)
class Way:
    """One method of one route, and the least role it is for; None: for whoever is not signed in yet."""

    method: str
    path: str
    least: Role | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def ways(app: FastAPI) -> list[Way]:
    """Every method of every route below /admin, as the application really has them."""
    return sorted(_ways(app.routes), key=str)


def _ways(routes: Sequence[Any]) -> Iterator[Way]:
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from _ways(included.routes)
        elif route.path == "/admin" or route.path.startswith("/admin/"):
            named = {getattr(one.call, "least", None) for one in route.dependant.dependencies} - {None}
            assert len(named) <= 1, route.path
            yield from (Way(method, route.path, next(iter(named), None)) for method in route.methods)


async def ask(
    app: FastAPI, method: str, path: str, headers: Mapping[str, str], fields: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Ask as a client that goes away as soon as the answer begins: a stream of events has no end of its own.

    Returns:
        The status, and what of the body came until then.
    """
    body = urlencode(fields or {}).encode()
    sent = {"host": "127.0.0.1:8000", "content-length": str(len(body)), **headers}
    if method not in ("GET", "HEAD"):
        sent["content-type"] = "application/x-www-form-urlencoded"
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    begun = asyncio.Event()
    status, content = 0, b""

    async def receive() -> dict[str, Any]:
        if requests:
            return requests.pop()
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, content
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            content += message.get("body", b"")
            begun.set()

    async with asyncio.timeout(ANSWER_WITHIN_S):
        await app(scope, receive, send)
    return status, content
