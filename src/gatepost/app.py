"""The composition root: builds every part from the settings and hands them to each other; it alone knows them all."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from fastapi import APIRouter, FastAPI

from gatepost.accounts.challenge import Challenge
from gatepost.accounts.link_opens import LinkOpens
from gatepost.admin.house import House
from gatepost.admin.kit import AdminKit
from gatepost.admin.routes import admin_router
from gatepost.clock import Clock, SystemClock
from gatepost.control.listener import ControlSocket
from gatepost.database.connection import Work
from gatepost.database.later import OpenedLater
from gatepost.delivery.attempt import Compose, Desk
from gatepost.delivery.delay import Delay
from gatepost.delivery.ring import Ring
from gatepost.delivery.supervision import Supervised
from gatepost.delivery.worker import Worker
from gatepost.errors import InvalidInput, NotStarted, StartRefused, TryLater
from gatepost.events import Events, SettingWarned
from gatepost.feedback.desk import FeedbackDesk
from gatepost.feedback.kept import KeptWatch, some_due
from gatepost.feedback.unsubscribe import Unsubscribing
from gatepost.housekeeping import build_chores
from gatepost.life import Life
from gatepost.mail.address import parse_address
from gatepost.observe.metrics import Metrics
from gatepost.observe.tracing import Spans
from gatepost.orders.all import orders_of
from gatepost.orders.desk import OrderDesk
from gatepost.outbox.depths import depths
from gatepost.outbox.operate import operate
from gatepost.outbox.queue_hold import hold_of
from gatepost.outbox.workers import living
from gatepost.parts import (
    build_bounces,
    build_composer,
    build_gate,
    build_hiding,
    build_keys,
    build_links,
    build_passwords,
    build_prepare,
    build_providers,
    build_return_path,
    build_signer,
    build_templates,
    build_transport,
    build_unsubscribe_links,
    compose_with,
    host_events,
    message_id_domain,
)
from gatepost.seam import Mail
from gatepost.settings import Settings
from gatepost.signals import also_on_stop_signals
from gatepost.suppression.by_hand import ByHand
from gatepost.tracing import current_traceparent
from gatepost.transport.folder import FolderTransport, Mailbox
from gatepost.transport.switch import Switch
from gatepost.transport.transport import Transport
from gatepost.version import VERSION
from gatepost.web.account_changes import changes_router
from gatepost.web.account_operators import account_operators_router
from gatepost.web.account_pages import account_pages_router
from gatepost.web.accounts import accounts_router
from gatepost.web.branding import brand_of
from gatepost.web.context import WebContext
from gatepost.web.docs import docs_router
from gatepost.web.feedback import feedback_router
from gatepost.web.flows import AccountFlows
from gatepost.web.front import front_router
from gatepost.web.health import health_router
from gatepost.web.hosts import install_service_handlers
from gatepost.web.messages import messages_router
from gatepost.web.own_pages import own_pages
from gatepost.web.pages import pages_router
from gatepost.web.sign_in import sign_in_router
from gatepost.web.signed_in import current_account, verified_account
from gatepost.web.stats import stats_router
from gatepost.web.suppressions import suppressions_router
from gatepost.web.unsubscribe import unsubscribe_router
from gatepost.web.workshop.mailbox import mailbox_router
from gatepost.web.workshop.templates import templates_router

T = TypeVar("T")


class Gatepost:
    """Sign-up and its mail, for one FastAPI app.

    Args:
        settings: the effective settings; read from the environment and gatepost.toml when None.
        events: subscribe to it to hear what happens; a log on standard error when None.
        clock: the machine's when None.
        transport: how messages are submitted; from the settings when None.
        worker: whether this process submits messages; False leaves that to others (`gatepost worker`, PostgreSQL only).
        templates: folder with messages of the host's own and other words for ours; from the settings when None.
        pages: folder with page templates of the host's own in the place of ours; from the settings when None.
        challenge: the host's own check of strangers (a CAPTCHA, a proof of work); none when None.

    Attributes:
        mail: promises messages of the host's own.
        current_account: `Depends(gatepost.current_account)` gives a host's route the `Account` that is signed in, and
            answers 401 where there is none; an unsafe request by cookie that no page of this site sent is 403.
        verified_account: the same, and 403 unless the address was proved.

    Raises:
        SettingsError: a setting is missing, unknown or unsafe.
        StartRefused: the development key cannot be read or made, or nobody could submit messages.
        TemplateError: a template of a message or a page is broken.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        events: Events | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
        worker: bool = True,
        templates: Path | None = None,
        pages: Path | None = None,
        challenge: Challenge | None = None,
    ) -> None:
        self.settings = settings = settings or Settings.load()
        if not worker:
            _refuse_alone(settings)
        self.clock = clock or SystemClock()
        self.events = events or host_events()
        self._metrics = Metrics()
        self.events.subscribe(self._metrics.on_event)
        self.events.subscribe(Spans().on_event)
        self._keys = build_keys(settings)
        self._hiding = build_hiding(settings)
        self._unsubscribe_links = build_unsubscribe_links(settings, self._keys, self._hiding)
        self._database = OpenedLater(settings.database_url, current_traceparent)
        self._templates = build_templates(settings, templates)
        self._brand = brand_of(settings)
        own_folder = pages or settings.pages
        self._pages = None if own_folder is None else own_pages(own_folder)
        self._composer = build_composer(settings, self._templates)
        passwords = build_passwords(settings)
        switch = Switch()
        self._life = Life(
            settings,
            self.events,
            database=self._database,
            make_transport=lambda: transport or build_transport(settings, self.events, switch),
            make_worker=self._make_worker if worker else None,
            passwords=passwords,
        )
        self.mail = Mail(
            self._templates,
            self.clock,
            message_id_domain=message_id_domain(settings),
            on_enqueued=self._warn_if_not_running,
        )
        self._warned_not_running = not worker
        self._submits = worker
        self.gate = build_gate(
            settings,
            database=self._database,
            passwords=passwords,
            keys=self._keys,
            hiding=self._hiding,
            clock=self.clock,
            events=self.events,
            challenge=challenge,
        )
        self._signer = build_signer(settings)
        self._operate = partial(operate, self.write, self.clock, self.events)
        self._feedback = FeedbackDesk(self._database.write, self.clock, self.events, self._hiding)
        self._providers = build_providers(settings)
        self._kept = KeptWatch(self._apply_kept, self.events)
        self._applying: Supervised | None = None
        desk = OrderDesk(
            write=self.write,
            clock=self.clock,
            events=self.events,
            hiding=self._hiding,
            gate=self.gate,
            unknown_addresses=self._keys.hidden_addresses,
            take_feedback=self._feedback.take,
            scrub=self._database.scrub,
            ring=self._ring_the_bell,
        )
        file = settings.database_file
        self._control = ControlSocket(file, orders_of(desk), self.events) if file is not None else None
        self._context = self._web_context()
        self._house = House(
            web=self._context,
            gate=self.gate,
            kit=AdminKit(self._context),
            write=self.write,
            usable=self._usable,
            masked_link=build_links(self.settings, self._keys).masked,
        )
        self.current_account = current_account(self._context)
        self.verified_account = verified_account(self.current_account)

    # ---- for a host's app -------------------------------------------------------------------------------------

    def router(self, prefix: str = "/auth") -> APIRouter:
        """Everything people and front ends need: the JSON routes under `prefix`, the pages at the root.

        Beside them what mail providers need: POST /feedback/{provider}.

        Including it starts and stops the worker with the app's lifespan. Include it with `app.include_router`; a
        mounted sub-application's lifespan would never run.
        """
        router = APIRouter(lifespan=self.lifespan)
        router.include_router(accounts_router(self._context, prefix=prefix))
        router.include_router(sign_in_router(self._context, prefix=prefix))
        router.include_router(changes_router(self._context, prefix=prefix))
        router.include_router(pages_router(self._context))
        router.include_router(account_pages_router(self._context))
        router.include_router(feedback_router(self._context))
        router.include_router(unsubscribe_router(self._context))
        return router

    def operations_router(self) -> APIRouter:
        """What operators and developers need: /mail, /admin, the probes, in development the mailbox and templates."""
        router = APIRouter()
        router.include_router(messages_router(self._context))
        router.include_router(suppressions_router(self._context))
        router.include_router(stats_router(self._context))
        router.include_router(account_operators_router(self._context))
        router.include_router(admin_router(self._house))
        router.include_router(health_router(self._context))
        if self._context.in_development and self._context.mailbox is not None:
            router.include_router(mailbox_router(self._context))
        if self._context.in_development:
            router.include_router(templates_router(self._context))
        return router

    async def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in one durable transaction of Gatepost's database.

        Messages it enqueued go out at once.

        Raises:
            NotStarted: the lifespan does not run.
            TryLater: nothing was done, or nobody knows.
        """
        value = await self._database.write(work)
        self._life.ring()
        return value

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

    async def start(self, wait_for_owner_s: float | None = None) -> None:
        """See `Life.start`."""
        await self._life.start(wait_for_owner_s)
        self._kept.begin()
        self._applying = Supervised("kept feedback", self._kept.run, self.events)
        self._applying.start()
        if self._control is not None:
            await self._control.open()

    def begin_stop(self, grace_s: float | None = None) -> None:
        """See `Life.begin_stop`."""
        self._life.begin_stop(grace_s)

    async def worker_stopped(self) -> None:
        """See `Life.worker_stopped`."""
        await self._life.worker_stopped()

    async def stop(self) -> None:
        """See `Life.stop`; the command line is heard until then."""
        if self._control is not None:
            await self._control.close()
        self._kept.end()
        if self._applying is not None:
            await self._applying.stop()
        await self._life.stop()

    # ---- what is handed over ----------------------------------------------------------------------------------

    def _web_context(self) -> WebContext:
        return WebContext(
            settings=self.settings,
            clock=self.clock,
            events=self.events,
            flows=AccountFlows.of(self.gate),
            ring=self._ring_the_bell,
            database=self._database,
            operate=self._operate,
            providers=self._providers,
            take_feedback=self._feedback.take,
            suppressions=ByHand(self.write, self.clock, self.events, self._hiding),
            unsubscribe=Unsubscribing(
                self._database.write, self.clock, self.events, self._hiding, self._unsubscribe_links
            ),
            note_open=LinkOpens(self.gate).note,
            recipient_keys=self._recipient_keys,
            mail_delayed=Delay(self._database, self.clock, self._usable).is_there,
            templates=self._templates,
            composer=self._composer,
            mailbox=self._mailbox(),
            stopping=self._life.stopping,
            readiness=self._readiness,
            metrics=self._exposition,
            form_key=self._keys.signing("form"),
            brand=self._brand,
            pages=self._pages,
        )

    def _mailbox(self) -> Mailbox | None:
        transport = self._life.transport
        if not isinstance(transport, FolderTransport):
            return None
        # Without a worker nothing is submitted here, and a switch would switch nothing.
        return Mailbox(transport.folder, transport.switch if self._submits else None)

    def _make_worker(self, transport: Transport, ring: Ring) -> Worker:
        return Worker(
            Desk(
                self._database,
                transport,
                self._compose(),
                self.clock,
                self.events,
                build_bounces(self._hiding, self.events, transport),
            ),
            ring,
            prepare=build_prepare(self.settings, self._keys, self._hiding),
            # Never the same twice: a container's host name and process number come again after its death.
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}",
            slots=self.settings.worker_slots,
            chores=build_chores(self.settings, self._keys, self._hiding),
        )

    def _compose(self) -> Compose:
        return_path_of = build_return_path(self.settings, self._keys)
        return compose_with(self._composer, return_path_of, self._unsubscribe_links, self._signer)

    async def _apply_kept(self) -> int:
        return await self._feedback.apply_kept() if await self._database.read(some_due) else 0

    def _warn_if_not_running(self) -> None:
        if self._database.opened is None and not self._warned_not_running:
            self._warned_not_running = True
            self.events.emit(
                SettingWarned(
                    detail="a message was enqueued, and Gatepost does not run in this process: run its lifespan"
                    " (a TestClient needs `with`), or say Gatepost(worker=False) where `gatepost worker` runs elsewhere"
                )
            )

    async def _ring_the_bell(self) -> None:
        self._life.ring()

    def _recipient_keys(self, address: str) -> Sequence[str]:
        try:
            key = parse_address(address).key
        except InvalidInput:
            return [address]
        return [key, *self._keys.hidden_addresses(key)]

    def _usable(self) -> Mapping[str, bool]:
        return self._life.transport.usable() if self._submits else {}

    async def _readiness(self) -> Sequence[str]:
        reasons = []
        if self._life.stopping.is_set():
            reasons.append("stopping")
        try:
            await self._database.ready()
        except (NotStarted, TryLater) as error:
            reasons.append(f"database: {error}")
        if not self._life.works and not reasons:
            reasons.append("worker: not running")
        return reasons

    async def _exposition(self) -> bytes:
        alone = not self._database.shared
        found, workers, hold = await self._database.read(
            lambda connection: (depths(connection), living(connection, alone=alone), hold_of(connection))
        )
        now_ms = self.clock.now_ms()
        oldest_s = 0.0 if found.oldest_waiting_at is None else max(0.0, (now_ms - found.oldest_waiting_at) / 1000)
        room = self._life.transport.room() if self._submits else 0
        return self._metrics.exposition(
            found.by_state,
            oldest_s,
            workers,
            usable=self._usable(),
            room=room,
            log_bytes=self._database.log_bytes,
            held=hold is not None,
        )


def _refuse_alone(settings: Settings) -> None:
    if settings.database_file is not None:
        raise StartRefused(
            "a process without a worker leaves the mail to other processes, and a SQLite file has only one process:"
            " leave out --no-worker (worker=False), or set GATEPOST_DATABASE_URL to postgresql://…"
        )


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
