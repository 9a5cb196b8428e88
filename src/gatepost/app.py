"""The composition root: builds every part from the settings and hands them to each other; it alone knows them all."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import APIRouter, FastAPI

from gatepost.accounts.gate import Gate
from gatepost.accounts.registration import prune_candidates
from gatepost.accounts.tokens import prune_tokens
from gatepost.clock import Clock, SystemClock
from gatepost.database.connection import Work
from gatepost.database.later import OpenedLater
from gatepost.database.opening import open_database
from gatepost.delivery.attempt import Desk
from gatepost.delivery.ring import Ring
from gatepost.delivery.worker import Worker
from gatepost.errors import InvalidInput, NotStarted, TryLater
from gatepost.events import Events, ServiceStarted, ServiceStopped, ServiceStopping, SettingWarned
from gatepost.mail.address import parse_address
from gatepost.observe.metrics import Metrics
from gatepost.outbox.prune import prune_no_account
from gatepost.outbox.search import depths
from gatepost.parts import (
    build_composer,
    build_keys,
    build_links,
    build_passwords,
    build_transport,
    compose_with,
    host_events,
    mailbox_folder,
)
from gatepost.settings import Settings
from gatepost.signals import StopSign, also_on_stop_signals
from gatepost.transport.folder import FolderTransport, Mailbox
from gatepost.transport.transport import Transport
from gatepost.version import VERSION
from gatepost.web.accounts import accounts_router
from gatepost.web.context import WebContext
from gatepost.web.docs import docs_router
from gatepost.web.flows import AccountFlows
from gatepost.web.front import front_router
from gatepost.web.health import health_router
from gatepost.web.hosts import install_service_handlers
from gatepost.web.mailbox import mailbox_router
from gatepost.web.messages import messages_router
from gatepost.web.pages import pages_router

T = TypeVar("T")


class Gatepost:
    """Sign-up and its mail, for one FastAPI app.

    Args:
        settings: the effective settings; read from the environment and gatepost.toml when None.
        events: subscribe to it to hear what happens; a log on standard error when None.
        clock: the machine's when None.
        transport: how messages are submitted; from the settings when None.

    Raises:
        SettingsError: a setting is missing, unknown or unsafe.
        StartRefused: the development key cannot be read or made.
        TemplateError: a template is broken.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        events: Events | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.settings = settings = settings or Settings.load()
        self.clock = clock or SystemClock()
        self.events = events or host_events()
        self.stopping = StopSign()
        self._metrics = Metrics()
        self.events.subscribe(self._metrics.on_event)
        self._keys = build_keys(settings)
        self._database = OpenedLater(settings.database_url)
        self._ring = Ring()
        self._composer = build_composer(settings)
        self._given_transport = transport
        self._transport = transport or build_transport(settings)
        self._passwords = build_passwords(settings)
        self._worker: Worker | None = None
        self._stop: asyncio.Task[None] | None = None
        self._hurry = StopSign()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.gate = Gate(
            database=self._database,
            passwords=self._passwords,
            keys=self._keys,
            clock=self.clock,
            events=self.events,
            message_id_domain=self._composer.return_path.rpartition("@")[2],
            reveal_accounts=settings.reveal_accounts,
            welcome=settings.welcome,
            password_min_length=settings.password_min_length,
        )
        self._context = self._web_context()

    # ---- for a host's app -------------------------------------------------------------------------------------

    def router(self, prefix: str = "/auth") -> APIRouter:
        """Everything people and front ends need: the JSON routes under `prefix`, the pages at the root.

        Including it starts and stops the worker with the app's lifespan. Include it with `app.include_router`; a
        mounted sub-application's lifespan would never run.
        """
        router = APIRouter(lifespan=self.lifespan)
        router.include_router(accounts_router(self._context, prefix=prefix))
        router.include_router(pages_router(self._context))
        return router

    def operations_router(self) -> APIRouter:
        """What operators and developers need: /mail, the probes, and in development the mailbox page."""
        router = APIRouter()
        router.include_router(messages_router(self._context))
        router.include_router(health_router(self._context))
        if self._context.in_development and self._context.mailbox is not None:
            router.include_router(mailbox_router(self._context))
        return router

    async def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in one durable transaction of Gatepost's database.

        Raises:
            NotStarted: the lifespan does not run.
            TryLater: nothing was done, or nobody knows.
        """
        return await self._database.write(work)

    # ---- life -------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Run Gatepost while `app` runs."""
        await self.start()
        restore = also_on_stop_signals(self.begin_stop)
        try:
            yield
        finally:
            restore()
            await self.stop()

    async def start(self) -> None:
        """Open and migrate the database, recover what a dead process left, begin to claim.

        Raises:
            StartRefused: another process owns the database, or it cannot be opened.
        """
        settings = self.settings
        if self._stop is not None:
            self._renew()
        self._loop = asyncio.get_running_loop()
        for warning in settings.warnings:
            self.events.emit(SettingWarned(detail=warning))
        self._database.opened = opened = await open_database(
            settings.database_url,
            wait_for_owner_s=settings.shutdown_grace_s + 2,
            on_waiting=lambda sentence: self.events.emit(SettingWarned(detail=sentence)),
        )
        desk = Desk(self._database, self._transport, compose_with(self._composer), self.clock, self.events)
        self._worker = Worker(
            desk,
            self._ring,
            prepare=build_links(settings, self._keys).prepare,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            slots=settings.worker_slots,
            chores=(prune_no_account, prune_tokens, prune_candidates),
        )
        try:
            await self._worker.start()
        except BaseException:
            await self._database.close()
            raise
        self.events.emit(
            ServiceStarted(
                version=VERSION,
                environment=settings.environment,
                database=opened.url,
                transport=self._transport.name,
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
        """Wait until no attempt is under way any more, after `begin_stop`."""
        await self.stopping.wait()
        if self._stop is not None:
            await asyncio.shield(self._stop)

    async def stop(self) -> None:
        """Stop the worker within the grace, then close everything. Nothing is left `sending`."""
        started = time.monotonic()
        self._begin_stop(None)
        await self.worker_stopped()
        await self._transport.close()
        await self._database.close()
        self._passwords.close()
        self.events.emit(ServiceStopped(duration_ms=(time.monotonic() - started) * 1000))

    def _renew(self) -> None:
        """Begin another run after a stop: an app's tests start and stop it once each."""
        self._stop = None
        self.stopping.renew()
        self._hurry.renew()
        self._ring = Ring()
        if self._given_transport is None:
            self._transport = build_transport(self.settings)

    def _begin_stop(self, grace_s: float | None) -> None:
        if grace_s == 0:
            self._hurry.set()
        if self._stop is None:
            self.events.emit(ServiceStopping(grace_s=self.settings.shutdown_grace_s if grace_s is None else grace_s))
            self._stop = asyncio.get_running_loop().create_task(self._stop_worker(), name="gatepost-stop")
            self.stopping.set()

    async def _stop_worker(self) -> None:
        if self._worker is not None:
            await self._worker.stop(self.settings.shutdown_grace_s, self._hurry)

    # ---- what is handed over ----------------------------------------------------------------------------------

    def _web_context(self) -> WebContext:
        kept_here = isinstance(self._transport, FolderTransport)
        return WebContext(
            settings=self.settings,
            clock=self.clock,
            events=self.events,
            flows=AccountFlows.of(self.gate),
            ring=self._ring_the_bell,
            database=self._database,
            recipient_keys=self._recipient_keys,
            mailbox=Mailbox(mailbox_folder(self.settings)) if kept_here else None,
            stopping=self.stopping,
            readiness=self._readiness,
            metrics=self._exposition,
            form_key=self._keys.signing("form"),
        )

    async def _ring_the_bell(self) -> None:
        self._ring.ring()

    def _recipient_keys(self, address: str) -> Sequence[str]:
        try:
            key = parse_address(address).key
        except InvalidInput:
            return [address]
        return [key, *self._keys.hidden_addresses(key)]

    async def _readiness(self) -> Sequence[str]:
        reasons = []
        if self.stopping.is_set():
            reasons.append("stopping")
        try:
            await self._database.ready()
        except (NotStarted, TryLater) as error:
            reasons.append(f"database: {error}")
        if (self._worker is None or not self._worker.running) and not reasons:
            reasons.append("worker: not running")
        return reasons

    async def _exposition(self) -> bytes:
        found = await self._database.read(depths)
        now_ms = self.clock.now_ms()
        oldest_s = 0.0 if found.oldest_due_at is None else max(0.0, (now_ms - found.oldest_due_at) / 1000)
        return self._metrics.exposition(found.by_state, oldest_s)


def create_app(gatepost: Gatepost) -> FastAPI:
    """Make the service: the router, the operations router and, in development, the API docs."""
    app = FastAPI(
        title=gatepost.settings.product_name, version=VERSION, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(gatepost.router())
    app.include_router(gatepost.operations_router())
    app.include_router(front_router(gatepost._context))
    if gatepost.settings.environment == "development":
        app.include_router(docs_router(gatepost._context, app))
    install_service_handlers(app, gatepost._context)
    return app
