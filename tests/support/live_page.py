"""An operator with a session in the database of a service that runs as a process of its own, and what one watches."""

import hashlib
import http.client
import re
import secrets
from collections.abc import Iterator

from sqlalchemy import Connection, insert

from gatepost.clock import SystemClock
from gatepost.database.columns import new_row_id
from gatepost.database.opening import open_database
from gatepost.operators.tables import operator_sessions, operators
from tests.support.postgresql import run_apart

COOKIE = "gatepost-operator"
LIVE = "/admin/live"
_FIGURE = re.compile(r'id="(accepted|waiting|deferred|failed|bounced|sending)">(\d+)')
_DAY_MS = 24 * 3600 * 1000


def sign_in(url: str, role: str = "support") -> str:
    """Add an operator to a migrated or new database that nobody has open; returns the token of a session."""
    token = secrets.token_urlsafe(32)

    def write(tx: Connection) -> None:
        now_ms, operator = SystemClock().now_ms(), new_row_id()
        row = {"id": operator, "name": f"{role}.{secrets.token_hex(4)}", "role": role, "created_at": now_ms}
        tx.execute(insert(operators), {**row, "password_hash": "none that any password has"})
        session = {"id": new_row_id(), "operator_id": operator, "digest": hashlib.sha256(token.encode()).digest()}
        times = {"created_at": now_ms, "seen_at": now_ms, "expires_at": now_ms + _DAY_MS}
        tx.execute(insert(operator_sessions), {**session, **times})

    async def run() -> None:
        database = await open_database(url, wait_for_owner_s=5)
        await database.write(write)
        await database.close()

    run_apart(run())
    return token


def open_stream(port: int, token: str, timeout_s: float = 20.0) -> http.client.HTTPResponse:
    """Open the stream of what goes on, as a page of ours does; close the answer when enough was seen."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    connection.request("GET", LIVE, headers={"Cookie": f"{COOKIE}={token}", "Sec-Fetch-Site": "same-origin"})
    return connection.getresponse()


def frames(stream: http.client.HTTPResponse) -> Iterator[str]:
    """Yield each frame of a stream, until the other side ends it."""
    lines: list[str] = []
    while line := stream.readline():
        text = line.decode().rstrip("\n")
        if text.startswith("data: "):
            lines.append(text.removeprefix("data: "))
        elif not text and lines:
            yield "\n".join(lines)
            lines = []


def figures(frame: str) -> dict[str, int]:
    """The figures of a frame or of the page, by their names."""
    return {name: int(figure) for name, figure in _FIGURE.findall(frame)}
