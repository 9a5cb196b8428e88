"""The test server on a thread of its own, for those without an event loop or with a busy one."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gatepost.testing.submission_server import SubmissionServer

START_TIMEOUT_S = 10.0

_Server = TypeVar("_Server", bound="SubmissionServer")


@contextlib.contextmanager
def in_thread(server: _Server) -> Iterator[_Server]:
    """Run a server on a thread with an event loop of its own, whatever the caller's loop does.

    Raises:
        RuntimeError: it did not start; the cause says why.
    """
    listening, leave = threading.Event(), asyncio.Event()
    failures: list[BaseException] = []

    async def serve() -> None:
        async with server:
            listening.set()
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failures.append(error)
        finally:
            listening.set()

    thread = threading.Thread(target=run, name="submission-server", daemon=True)
    thread.start()
    if not listening.wait(START_TIMEOUT_S) or failures:
        raise RuntimeError(f"The SMTP server did not start on {server.host}:{server.port}") from (
            failures[0] if failures else None
        )
    try:
        yield server
    finally:
        server.on_own_loop(leave.set)
        thread.join()
