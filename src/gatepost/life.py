"""The life of one process: what is opened and in which order, and what ends before the next thing closes.

Knows nothing of HTTP: the service, a host's app and `gatepost worker` live the same life.
"""

import asyncio
import time
from collections.abc import Callable

from gatepost.accounts.passwords import Passwords
from gatepost.database.later import OpenedLater
from gatepost.database.opening import open_database
from gatepost.delivery.ring import Ring
from gatepost.delivery.worker import Worker
from gatepost.events import Events, ServiceStarted, ServiceStopped, ServiceStopping, SettingWarned
from gatepost.settings import Settings
from gatepost.signals import StopSign
from gatepost.transport.transport import Transport
from gatepost.version import VERSION

OWNER_SPARE_S = 2  # what a process that owns the database may need beyond its grace


class Life:
    """Starts and stops what runs: once, or again and again, as an app's tests do.

    Args:
        settings: the effective settings.
        events: told of start and stop.
        database: opened by the start, closed by the stop.
        make_transport: gives the transport of each run.
        make_worker: makes the worker of each run; None where other processes send the mail.
        passwords: their threads end with the run.

    Attributes:
        transport: this run's.
        stopping: set from the moment a stop was asked for.
    """

    def __init__(
        self,
        settings: Settings,
        events: Events,
        *,
        database: OpenedLater,
        make_transport: Callable[[], Transport],
        make_worker: Callable[[Transport, Ring], Worker] | None,
        passwords: Passwords,
    ) -> None:
        self.transport = make_transport()
        self.stopping = StopSign()
        self._settings = settings
        self._events = events
        self._database = database
        self._make_transport = make_transport
        self._make_worker = make_worker
        self._passwords = passwords
        self._ring = Ring()
        self._worker: Worker | None = None
        self._stop: asyncio.Task[None] | None = None
        self._hurry = StopSign()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def works(self) -> bool:
        """Whether everything runs that is meant to run in this process, the database aside."""
        return self._make_worker is None or (self._worker is not None and self._worker.running)

    def ring(self) -> None:
        """Wake this process's worker, if it has one."""
        self._ring.ring()

    async def start(self, wait_for_owner_s: float | None = None) -> None:
        """Open and migrate the database, recover what a dead process left, begin to claim.

        Args:
            wait_for_owner_s: seconds to wait for another process that owns the database, or for a server that is away;
                the grace and a little more when None.

        Raises:
            StartRefused: another process owns the database, or it cannot be opened.
        """
        settings = self._settings
        if self._stop is not None:
            self._renew()
        self._loop = asyncio.get_running_loop()
        for warning in settings.warnings:
            self._warn(warning)
        grace_s = settings.shutdown_grace_s + OWNER_SPARE_S
        self._database.opened = opened = await open_database(
            settings.database_url,
            wait_for_owner_s=grace_s if wait_for_owner_s is None else wait_for_owner_s,
            on_waiting=self._warn,
            connections=settings.database_connections,
        )
        for warning in opened.warnings:
            self._warn(warning)
        try:
            await self._start_worker()
        except BaseException:
            await self._database.close()
            raise
        self._events.emit(
            ServiceStarted(
                version=VERSION,
                environment=settings.environment,
                database=opened.url,
                transport=self.transport.name,
                worker=self._worker is not None,
            )
        )

    def begin_stop(self, grace_s: float | None = None) -> None:
        """Claim no more, end open streams, let attempts finish; may be called from a signal handler.

        Args:
            grace_s: 0 breaks off what is under way; None leaves the grace as the settings say.
        """
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin_stop, grace_s)

    async def worker_stopped(self) -> None:
        """Wait for `begin_stop`, and then until no attempt is under way any more."""
        await self.stopping.wait()
        if self._stop is not None:
            await asyncio.shield(self._stop)

    async def stop(self) -> None:
        """Stop the worker within the grace, then close everything. Nothing is left `sending`."""
        started = time.monotonic()
        self._begin_stop(None)
        await self.worker_stopped()
        await self.transport.close()
        await self._database.close()
        self._passwords.close()
        self._events.emit(ServiceStopped(duration_ms=(time.monotonic() - started) * 1000))

    def _renew(self) -> None:
        self._stop = None
        self._worker = None
        self.stopping.renew()
        self._hurry.renew()
        self._ring = Ring()
        self.transport = self._make_transport()

    async def _start_worker(self) -> None:
        if self._make_worker is not None:
            self._worker = self._make_worker(self.transport, self._ring)
            await self._worker.start()

    def _begin_stop(self, grace_s: float | None) -> None:
        if grace_s == 0:
            self._hurry.set()
        if self._stop is None:
            grace_told_s = self._settings.shutdown_grace_s if grace_s is None else grace_s
            self._events.emit(ServiceStopping(grace_s=grace_told_s))
            self._stop = asyncio.get_running_loop().create_task(self._stop_worker(), name="gatepost-stop")
            self.stopping.set()

    async def _stop_worker(self) -> None:
        if self._worker is not None:
            await self._worker.stop(self._settings.shutdown_grace_s, self._hurry)

    def _warn(self, sentence: str) -> None:
        self._events.emit(SettingWarned(detail=sentence))
