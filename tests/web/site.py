"""A Gatepost as the web sees it: real routes and settings, and flows that say what the test wants them to say."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import StaticPool, create_engine

from gatepost.accounts.account import Account
from gatepost.clock import SystemClock
from gatepost.database.columns import metadata
from gatepost.database.connection import T, Work
from gatepost.events import Event, Events, RequestAnswered, RequestFailed
from gatepost.mail.templates import Templates
from gatepost.parts import build_composer
from gatepost.settings import Settings
from gatepost.web.accounts import accounts_router
from gatepost.web.branding import brand_of
from gatepost.web.context import WebContext
from gatepost.web.flows import AccountFlows
from gatepost.web.own_pages import own_pages
from gatepost.web.pages import pages_router

ADA = Account(uuid.UUID(int=7 << 64), "ada@example.com", "Ada", "en", None, 1_700_000_000_000)
SECURITY_HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cache-control",
    "x-request-id",
)
PRODUCTION = {
    "public_url": "https://gate.example.com",
    "environment": "production",
    "smtp_url": "smtp://127.0.0.1:1025",
    "sender": "Gate <gate@example.com>",
    "secret_keys": "k" * 40,
    "admin_token": "t" * 40,
}


_TEMPLATES = Templates()


class NoDatabase:
    """For tests that read no row."""

    async def read(self, query: Work[T]) -> T:
        raise AssertionError("this test reads no database")


class TablesInMemory:
    """The real tables, empty at first: for pages that read what became of messages."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        metadata.create_all(self.engine)

    async def read(self, query: Work[T]) -> T:
        with self.engine.connect() as connection:
            return query(connection)


@dataclass
class Flow:
    """A flow that keeps what it was asked, then answers or raises."""

    answer: Any = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, *given: Any, **wishes: Any) -> Any:
        self.asked.append({**wishes, "given": given} if given else wishes)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Site:
    """One composition; every part of it can be looked at afterwards."""

    def __init__(self, settings: dict[str, Any] | None = None, **parts: Any) -> None:
        self.settings = Settings(**(settings or {}))
        self.register, self.verify, self.request_verification = Flow(), Flow(ADA), Flow()
        self.request_reset, self.reset_password = Flow(), Flow()
        named = ("register", "verify", "request_verification", "request_reset", "reset_password")
        self.others = {name: Flow() for name in AccountFlows.__dataclass_fields__ if name not in named}
        self.rings = 0
        self.happened: list[Event] = []
        self.delayed = False
        events = Events()
        events.subscribe(self.happened.append)
        wanted: dict[str, Any] = {
            "settings": self.settings,
            "clock": SystemClock(),
            "events": events,
            "flows": AccountFlows(
                register=self.register,
                verify=self.verify,
                request_verification=self.request_verification,
                request_reset=self.request_reset,
                reset_password=self.reset_password,
                **self.others,
            ),
            "ring": self._ring,
            "database": TablesInMemory() if parts.get("mailbox") else NoDatabase(),
            "operate": Flow(),
            "providers": {},
            "take_feedback": Flow([]),
            "suppressions": parts.get("suppressions") or Flow(),
            "unsubscribe": parts.get("unsubscribe") or Flow(),
            "note_open": Flow(),
            "recipient_keys": lambda key: [key],
            "mail_delayed": self._mail_delayed,
            "templates": _TEMPLATES,
            "composer": build_composer(self.settings, _TEMPLATES),
            "mailbox": None,
            "stopping": asyncio.Event(),
            "readiness": self._readiness,
            "metrics": self._metrics,
            "form_key": b"f" * 32,
            "brand": brand_of(self.settings),
            "pages": None if self.settings.pages is None else own_pages(self.settings.pages),
        }
        self.reasons: list[str] = []
        self.context = WebContext(**{**wanted, **parts})

    async def _ring(self) -> None:
        self.rings += 1

    async def _mail_delayed(self) -> bool:
        return self.delayed

    async def _readiness(self) -> list[str]:
        return self.reasons

    async def _metrics(self) -> bytes:
        return b"gatepost_up 1\n"

    def host(self, *routers: APIRouter) -> FastAPI:
        """A host application that does nothing but include our routers."""
        app = FastAPI()
        included = routers or (accounts_router(self.context), pages_router(self.context))
        for router in included:
            app.include_router(router)
        return app

    def client(self, *routers: APIRouter, **options: Any) -> TestClient:
        """A client of the host application, at the address the settings name."""
        options = {"base_url": self.settings.public_url, "follow_redirects": False, **options}
        return TestClient(self.host(*routers), **options)

    def answered(self) -> list[RequestAnswered]:
        return [event for event in self.happened if isinstance(event, RequestAnswered)]

    def failures(self) -> list[RequestFailed]:
        return [event for event in self.happened if isinstance(event, RequestFailed)]
