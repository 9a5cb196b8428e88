"""The real service as a process of its own, with the port on which it answers."""

import contextlib
import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.issued_secrets import ISSUED
from tests.support.programs import COMMON_SETTINGS, EXIT_TIMEOUT_S, Program
from tests.support.tables import PostgresqlTables, SqliteTables, Tables

READY_TIMEOUT_S = 30.0
_POLL_S = 0.005


class Service(Program):
    """One `gatepost serve` with a port that stays its own; alone on a file it is a whole installation.

    Args:
        folder: where it runs; on SQLite the database lies there.
        smtp_port: of a server on this machine; None leaves mail in the development mailbox.
        database: the PostgreSQL database it shares with others; None: a SQLite file of its own.
        arguments: its command line, without `gatepost`.
        from_shell: start it by exec as a shell does, instead of quickly.
        watch_loop: measure how long its event loop is held; see `loop_report`.
        settings: further settings by their names without GATEPOST_.
    """

    def __init__(
        self,
        folder: Path,
        smtp_port: int | None = None,
        *,
        database: PostgresqlTables | None = None,
        arguments: Sequence[str] = ("serve",),
        from_shell: bool = False,
        watch_loop: bool = False,
        **settings: str | float,
    ) -> None:
        self.database = folder / "gatepost.db"
        self.tables: Tables = database or SqliteTables(self.database)
        self._reserved = _reserved_port()
        self.port: int = self._reserved.getsockname()[1]
        self._loop_report = folder / "loop.json" if watch_loop else None
        together = {
            "DATABASE_URL": database.url if database else f"sqlite:///{self.database}",
            "PORT": str(self.port),
            **COMMON_SETTINGS,
            **({} if smtp_port is None else {"SMTP_URL": f"smtp://127.0.0.1:{smtp_port}"}),
            **{name: str(value) for name, value in settings.items()},
        }
        super().__init__(arguments, together, folder, from_shell=from_shell, loop_report=self._loop_report)

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Ask /readyz until it says so; returns how many seconds that took."""
        return self.wait_for_status("/readyz", 200, timeout_s)

    def wait_for_status(self, path: str, status: int, timeout_s: float = READY_TIMEOUT_S) -> float:
        """GET until it is answered with this status; returns how many seconds that took."""
        started = time.monotonic()
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get(path)[0] == status:
                    return time.monotonic() - started
            if not self.alive or time.monotonic() - started > timeout_s:
                raise AssertionError(f"the service did not answer {path} with {status}:\n{self.text}")
            time.sleep(_POLL_S)  # nothing tells another process that a port has begun to listen

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """GET over a connection of its own; returns status, header fields in lower case, and body."""
        return self.request("GET", path)

    def post(self, path: str, **body: Any) -> tuple[int, dict[str, str], bytes]:
        """POST a JSON object; returns as `get` does."""
        return self.request("POST", path, json.dumps(body).encode())

    def request(
        self, method: str, path: str, body: bytes | None = None, **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request over a connection of its own; header fields are named with _ for -."""
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        if body:
            given["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return self._noted(path, body, answer, answer.read())
        except http.client.HTTPException as error:  # an answer that a kill cut off in the middle
            raise ConnectionResetError(f"{method} {path} was answered in part") from error
        finally:
            connection.close()

    def _noted(
        self, path: str, sent: bytes | None, answer: http.client.HTTPResponse, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        ISSUED.note_request(sent)
        ISSUED.note_answer(body, answer.headers.get_all("set-cookie", []))
        if path == "/metrics":
            ISSUED.keep("metrics", body)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    @contextlib.contextmanager
    def open_stream(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """GET an answer that does not end by itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=EXIT_TIMEOUT_S)
        try:
            connection.request("GET", path)
            yield connection.getresponse()
        finally:
            connection.close()

    def begin_loop_report(self) -> None:
        """Measure the event loop from now on."""
        self.send(signal.SIGUSR1)

    def loop_report(self, timeout_s: float = EXIT_TIMEOUT_S) -> dict[str, Any]:
        """How many callbacks ran since `begin_loop_report`, and those that held the loop longest."""
        assert self._loop_report is not None
        self.send(signal.SIGUSR2)
        give_up_at = time.monotonic() + timeout_s
        while not self._loop_report.exists():
            assert time.monotonic() < give_up_at, "the service wrote no report about its loop"
            time.sleep(_POLL_S)  # a file that appears tells nobody
        report: dict[str, Any] = json.loads(self._loop_report.read_text())
        self._loop_report.unlink()
        return report

    def close(self) -> None:
        """Leave nothing behind."""
        super().close()
        self._reserved.close()
        if isinstance(self.tables, SqliteTables):
            ISSUED.search_service(self.database, "")


def _reserved_port() -> socket.socket:
    """Take a free port without listening: over all restarts it is nobody else's, and the service can listen on it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved
