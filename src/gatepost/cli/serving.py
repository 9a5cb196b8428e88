"""Runs the service in the foreground: uvicorn for HTTP, and a stop that keeps answering until the worker is done."""

import asyncio
import contextlib
import gc
import math
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from gatepost.app import Gatepost, create_app
from gatepost.cli import text
from gatepost.cli.foreground import Foreground
from gatepost.cli.http_protocol import http_protocol
from gatepost.cli.listening import refused, take_port
from gatepost.parts import service_events
from gatepost.settings import Settings
from gatepost.settings.urls import in_url
from gatepost.version import VERSION

KEEP_ALIVE_S = 75  # longer than the proxies in front keep theirs, or they write into a line we just closed
WORKER_SPARE_S = 0.5  # what the worker may need beyond its grace
LAST_ANSWERS_S = 5  # requests under way when the listener closes
WAITING_CONNECTIONS = 2_048
ACCEPTED_AT_ONCE = 32


def serve(settings: Settings, *, worker: bool) -> int:
    """Run the service until a signal stops it, and return the exit code.

    Args:
        settings: the effective settings.
        worker: whether this process submits messages too.

    Raises:
        StartRefused: the port, the database or the folder cannot be had.
        SettingsError: what the settings name cannot be used.
    """
    listener = take_port(settings.host, settings.port)
    try:
        serve_on(listener, Gatepost(settings, events=service_events(), worker=worker))
    finally:
        listener.close()
    return 0


def serve_on(listener: socket.socket, gatepost: Gatepost) -> None:
    """Run the service on a socket that is bound and does not listen yet, until a signal stops it.

    Raises:
        StartRefused: the port, the database or the folder cannot be had.
    """
    Foreground(gatepost, _Serving(gatepost, create_app(gatepost), listener)).live()


class _Serving:
    """One run of the service, from the start of its parts to the last answer; see `Run`.

    The first signal stops the worker and leaves the port open: /readyz answers 503, everything else is served. Then
    the listener closes, answers under way are finished, and the parts are closed. A second signal waits for nothing.
    """

    def __init__(self, gatepost: Gatepost, app: FastAPI, listener: socket.socket) -> None:
        self._gatepost = gatepost
        self._app = app
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",  # run below, so that a refusal to start is an exception here and no log line there
                loop="asyncio",
                http=http_protocol(https=gatepost.settings.public_url.startswith("https://")),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # uvicorn would believe any X-Forwarded-For that comes from loopback
                timeout_keep_alive=KEEP_ALIVE_S,
                backlog=ACCEPTED_AT_ONCE,
            ),
            lambda: text.announce(*where(gatepost.settings)),
        )

    @property
    def started(self) -> bool:
        return self._server.started

    async def live(self) -> None:
        settings = self._gatepost.settings
        async with self._app.router.lifespan_context(self._app):
            try:
                await self._server.serve(sockets=[self._listener])
            except OSError as error:  # another program began to listen between our bind and now
                raise refused(settings.host, settings.port, error) from None

    async def end(self) -> None:
        """Keep the port open until the worker has stopped, then let the server end."""
        loop = asyncio.get_running_loop()
        grace_s = self._gatepost.settings.shutdown_grace_s
        grace_ends = loop.time() + grace_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s + WORKER_SPARE_S):
                await self._gatepost.worker_stopped()
        left_s = max(0.0, grace_ends - loop.time())
        self._server.config.timeout_graceful_shutdown = max(1, math.ceil(min(left_s, LAST_ANSWERS_S)))
        self._server.should_exit = True

    def hurry(self) -> None:
        """Cut answers under way short, once the listener is closed."""
        self._server.force_exit = self._server.should_exit


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: they close the listener at once and end with the signal's code."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            # asyncio takes its backlog for both: how many may wait, and how many it accepts before anything else gets
            # a turn. 500 accepted in one go held the loop for 60 ms.
            listener.listen(WAITING_CONNECTIONS)
        # What exists by now stays. Each full collection that walked through it held the loop for 60 ms.
        gc.collect()
        gc.freeze()
        self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def where(settings: Settings) -> list[str]:
    """What is printed once the port listens: in development the pages to open, otherwise the address."""
    if settings.environment == "production":
        address = f"http://{in_url(settings.host)}:{settings.port}"
        return [f"Gatepost {VERSION} listens on {address} for {settings.public_url}"]
    pages = [
        ("Sign-up page", "/register"),
        ("Mailbox page", "/dev/mailbox"),
        ("Mail templates", "/dev/templates"),
        ("API docs", "/docs"),
    ]
    if settings.smtp_url:
        pages.pop(1)
    return [f"{name:16}{settings.public_url}{path}" for name, path in pages]
