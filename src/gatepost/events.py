"""The vocabulary of what happened, and the bus that carries it.

Domain code emits events; log, metrics and pages subscribe. Events hold ids, numbers and masked addresses, never a
secret, a token, a link or a password.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. The class name, in snake case, is the event's name in logs."""


@dataclass(frozen=True, kw_only=True)
class ServiceStarted(Event):
    """The database is open and migrated; `worker` says whether this process submits messages."""

    version: str
    environment: str
    database: str
    transport: str
    worker: bool


@dataclass(frozen=True, kw_only=True)
class ServiceStopping(Event):
    """A stop was asked for: /readyz answers 503 from now on and no message is claimed."""

    grace_s: float


@dataclass(frozen=True, kw_only=True)
class ServiceStopped(Event):
    """Everything that was under way is finished or given back."""

    duration_ms: float


@dataclass(frozen=True, kw_only=True)
class SettingWarned(Event):
    """A setting is accepted and should still be looked at."""

    detail: str


@dataclass(frozen=True, kw_only=True)
class RequestAnswered(Event):
    """An answer of one of our routes went out; `code` is the problem's, `reason` why a 503 had to be answered."""

    request_id: str
    method: str
    route: str
    status: int
    duration_ms: float
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class RoutineAnswered(RequestAnswered):
    """The same for a probe, the metrics or a static file: counted, and not written to the log unless asked for."""


@dataclass(frozen=True, kw_only=True)
class RequestFailed(Event):
    """A bug of ours: the request was answered 500 and this is its traceback."""

    request_id: str
    error: str
    traceback: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RegistrationReceived(Event):
    """A registration was stored. `outcome`: created, waiting (not verified yet), taken (verified).

    Nothing was stored: refused (409), repeated (its Idempotency-Key had an answer already).
    """

    request_id: str
    outcome: str
    account_id: str | None
    recipient: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VerificationRequested(Event):
    """Somebody asked for another verification message. `outcome`: queued, or the reason why none goes out."""

    request_id: str
    outcome: str
    account_id: str | None
    recipient: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AddressVerified(Event):
    """A person proved that the address is theirs."""

    request_id: str
    account_id: str


@dataclass(frozen=True, kw_only=True)
class PasswordResetRequested(Event):
    """Somebody asked for a reset. `outcome`: queued, or the reason why none goes out."""

    request_id: str
    outcome: str
    account_id: str | None
    recipient: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PasswordWasReset(Event):
    """A new password was set with a mailed link."""

    request_id: str
    account_id: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenRefused(Event):
    """A bad token was presented. `reason` is for operators; the caller learns nothing."""

    request_id: str
    purpose: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class MessageEvent(Event):
    """How one try to submit one message ended; every subclass names the state it led to."""

    message: str
    template: str
    recipient: str
    claim_number: int
    attempt: int
    account_id: str | None = None
    request_id: str | None = None
    phase: str | None = None
    outcome: str | None = None
    reply_code: int | None = None
    enhanced_status: str | None = None
    reply_text: str | None = None
    server: str | None = None
    duration_ms: float = 0.0
    since_enqueued_ms: int = 0
    due_in_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessageAccepted(MessageEvent):
    """The submission server answered 2yz to the content."""


@dataclass(frozen=True, kw_only=True)
class MessageDeferred(MessageEvent):
    """A transient failure; another attempt is due."""


@dataclass(frozen=True, kw_only=True)
class MessageFailed(MessageEvent):
    """A permanent failure, with the reason."""


@dataclass(frozen=True, kw_only=True)
class MessageUnknown(MessageEvent):
    """The line broke after the final dot: the server may have taken the message."""


@dataclass(frozen=True, kw_only=True)
class MessageExpired(MessageEvent):
    """Its time was up before a server took it."""


@dataclass(frozen=True, kw_only=True)
class MessageCancelled(MessageEvent):
    """It was no longer wanted when its turn came (`superseded`)."""


@dataclass(frozen=True, kw_only=True)
class MessageHeld(MessageEvent):
    """It cannot be sent as it is; an operator must look (`cannot_compose`)."""


@dataclass(frozen=True, kw_only=True)
class MessageGivenBack(MessageEvent):
    """The process stopped before any content was written; the try does not count."""


@dataclass(frozen=True, kw_only=True)
class ClaimLost(MessageEvent):
    """The message was no longer this worker's when it wanted to mark or settle it."""


@dataclass(frozen=True, kw_only=True)
class WorkerStarted(Event):
    """The claim loop runs."""

    owner: str
    slots: int


@dataclass(frozen=True, kw_only=True)
class WorkerFailed(Event):
    """A round of the claim loop failed; the next one follows."""

    error: str
    retry_in_s: float


@dataclass(frozen=True, kw_only=True)
class WorkerStopped(Event):
    """No attempt is under way any more. `abandoned` had to be broken off at the end of the grace."""

    owner: str
    abandoned: int


@dataclass(frozen=True, kw_only=True)
class WorkerFoundDead(Event):
    """Another worker gave no sign of life for too long, or its process is gone: what it had in flight is recovered."""

    owner: str


@dataclass(frozen=True, kw_only=True)
class WorkerRevived(Event):
    """This worker lives and was held for dead by another: what it had in flight was taken from it."""

    owner: str


@dataclass(frozen=True, kw_only=True)
class MessagesRecovered(Event):
    """What a dead process had in flight: `due_again` were certainly not handed over, `unknown` may have been."""

    due_again: int
    unknown: int
    held: int = 0


@dataclass(frozen=True, kw_only=True)
class WorkerRestarted(Event):
    """A task of the worker ended by itself, which it must not, and runs again."""

    task: str
    error: str


@dataclass(frozen=True, kw_only=True)
class ServerFailed(Event):
    """A submission server cannot be used: nothing is tried over it until a probe succeeds.

    `cause`: connection, tls, closing (421), authentication, silence (no greeting or no final reply in time).
    """

    server: str
    cause: str
    phase: str
    reply_code: int | None
    reply_text: str
    probe_in_s: float


@dataclass(frozen=True, kw_only=True)
class CredentialsRefused(ServerFailed):
    """The same, because it takes our credentials no more: nobody but an operator can mend that."""


@dataclass(frozen=True, kw_only=True)
class ProbeFailed(ServerFailed):
    """It still cannot be used."""


@dataclass(frozen=True, kw_only=True)
class ServerRecovered(Event):
    """A submission server can be used again; mail to it begins with one message and doubles from there."""

    server: str
    after_s: float


@dataclass(frozen=True, kw_only=True)
class OperatorActed(Event):
    """An operator held, released, cancelled or resent a message; the same stands in the table `audit`."""

    actor: str
    action: str
    message: str
    result: str | None
    state_before: str
    state_after: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessagesPruned(Event):
    """Old rows that nobody needs any more were deleted."""

    count: int


class Events:
    """Carries each event to every subscriber, at once and in the emitter's thread.

    A subscriber that raises never disturbs the emitter: a broken log must not stop mail.
    """

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call `subscriber` with every later event; it must be quick and must not block."""
        self._subscribers.append(subscriber)

    def emit(self, event: Event) -> None:
        """Hand `event` to every subscriber."""
        for subscriber in self._subscribers:
            with contextlib.suppress(Exception):
                subscriber(event)
