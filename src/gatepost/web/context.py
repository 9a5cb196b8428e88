"""What every route of ours needs, handed in once by the composition root. No global objects."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from gatepost.accounts.link_opens import Opener
from gatepost.accounts.tokens import Purpose
from gatepost.audit.trail import Signature
from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.events import Events
from gatepost.feedback.fact import Fact
from gatepost.feedback.provider import Provider
from gatepost.feedback.taken import Taken
from gatepost.mail.compose import Composer
from gatepost.mail.templates import Templates
from gatepost.outbox.actions import Action
from gatepost.outbox.operate import Acted
from gatepost.settings import Settings
from gatepost.suppression.by_hand import ByHand
from gatepost.transport.folder import Mailbox
from gatepost.web.branding import Brand, File
from gatepost.web.flows import AccountFlows
from gatepost.web.own_pages import OwnPages

T = TypeVar("T")


class Stopping(Protocol):
    """Whether the process stops; an asyncio.Event is one."""

    def is_set(self) -> bool: ...

    async def wait(self) -> object: ...


class Reader(Protocol):
    """A database as far as pages and lists need it."""

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on a connection that cannot write."""
        ...


class Operate(Protocol):
    """Does to one message what an operator wants, and wakes the worker; see `gatepost.outbox.operate.act`."""

    async def __call__(self, action: Action, message_id: uuid.UUID, by: Signature) -> Acted: ...


class TakeFeedback(Protocol):
    """Takes proven facts, durably; see `gatepost.feedback.desk.FeedbackDesk.take`."""

    async def __call__(self, facts: Sequence[Fact], *, request_id: str | None = None) -> list[Taken]: ...


class Unsubscribe(Protocol):
    """Raises BadToken or TryLater."""

    async def __call__(self, token: str, *, request_id: str) -> None: ...


class NoteOpen(Protocol):
    """Notes that a mailed link was opened, or lets it go; never raises TryLater. See `accounts.link_opens`."""

    async def __call__(self, purpose: Purpose, token: str, opener: Opener, *, request_id: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class WebContext:
    """One Gatepost as the web sees it. The callables may refuse with NotStarted while the lifespan does not run.

    Args:
        settings: the effective settings.
        clock: times the answers.
        events: carries RequestAnswered and RequestFailed.
        flows: the account flows, bound to their gate.
        ring: wakes the worker; runs after the answer, as a background task.
        database: reads for the message list.
        operate: holds, releases, cancels and resends a message.
        providers: reads what each mail provider posts, by its name.
        take_feedback: takes what came of it.
        suppressions: adds, lifts and finds suppressions.
        unsubscribe: suppresses the recipient of the message whose link was used.
        note_open: notes that a mailed link was opened; runs after the answer, as a background task.
        recipient_keys: every key under which messages to an address, as typed, may stand in the outbox.
        mail_delayed: whether mail waits for everybody at this moment, because no server takes it or the oldest message
            has waited for too long. It says nothing of one address, costs the same whoever asks, and never raises.
        templates: what the mails say.
        composer: makes mails of them.
        mailbox: the development mailbox; None where mail goes to a server.
        stopping: set when the process begins to stop; open streams end.
        readiness: one short reason for everything that keeps this process from its work; empty: ready.
        metrics: Prometheus text, read now.
        form_key: 32 secret bytes that sign the CSRF field of the forms.
        brand: the product's logo and colour.
        pages: the product's own page templates; None where all pages are ours.
        methods_at: path → every method our routers offer there, for Allow; they may share a path. Routes fill it.
        warned: what was warned of already and need not be again.
    """

    settings: Settings
    clock: Clock
    events: Events
    flows: AccountFlows
    ring: Callable[[], Awaitable[None]]
    database: Reader
    operate: Operate
    providers: Mapping[str, Provider]
    take_feedback: TakeFeedback
    suppressions: ByHand
    unsubscribe: Unsubscribe
    note_open: NoteOpen
    recipient_keys: Callable[[str], Sequence[str]]
    mail_delayed: Callable[[], Awaitable[bool]]
    templates: Templates
    composer: Composer
    mailbox: Mailbox | None
    stopping: Stopping
    readiness: Callable[[], Awaitable[Sequence[str]]]
    metrics: Callable[[], Awaitable[bytes]]
    form_key: bytes = field(repr=False)
    brand: Brand = field(default_factory=Brand)
    pages: OwnPages | None = None
    methods_at: dict[str, set[str]] = field(default_factory=dict, compare=False, repr=False)
    warned: set[str] = field(default_factory=set, compare=False, repr=False)

    @property
    def own_files(self) -> Mapping[str, File]:
        """The product's own files that pages load, by the name they are served under."""
        return {**self.brand.files, **(self.pages.files if self.pages else {})}

    @property
    def in_development(self) -> bool:
        """True while nobody but the developer's own machine is served."""
        return self.settings.environment == "development"

    @property
    def is_https(self) -> bool:
        """True when people reach us through HTTPS."""
        return self.settings.public_url.startswith("https://")
