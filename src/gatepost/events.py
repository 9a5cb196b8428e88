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
class PageBroken(Event):
    """A page template of the product's own could not be filled: ours was shown. Told once a minute for each page."""

    page: str
    error: str
    place: str | None = None


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
class SignedIn(Event):
    """Somebody signed in. `known_client`: from where this account was signed in to before."""

    request_id: str
    account_id: str
    known_client: bool


@dataclass(frozen=True, kw_only=True)
class SignInRefused(Event):
    """Somebody could not sign in. `reason` is for operators; the caller learns nothing."""

    request_id: str
    reason: str
    account_id: str | None
    recipient: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SignedOut(Event):
    """Sessions of an account ended. `reason`: signed_out, ended, password_reset, password_changed, …"""

    request_id: str | None
    account_id: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Event):
    """A signed-in person chose a new password."""

    request_id: str
    account_id: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CurrentPasswordRefused(Event):
    """A sensitive change was asked for with a wrong current password."""

    request_id: str
    account_id: str


@dataclass(frozen=True, kw_only=True)
class ProfileChanged(Event):
    """A signed-in person changed the name or the language; `fields` are their names."""

    request_id: str
    account_id: str
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AddressChangeRequested(Event):
    """A signed-in person wants another address. `outcome`: queued, or the reason why no message goes to it."""

    request_id: str
    outcome: str
    account_id: str
    recipient: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AddressChanged(Event):
    """The new address was proved and is the account's from now on."""

    request_id: str
    account_id: str
    recipient: str


@dataclass(frozen=True, kw_only=True)
class AddressChangeUndone(Event):
    """The old address said that it was not its owner who wanted the change: nobody is signed in any more."""

    request_id: str
    account_id: str
    recipient: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AccountDeleted(Event):
    """The owner deleted the account; it is erased later, and a reset until then restores it."""

    request_id: str
    account_id: str
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AccountRestored(Event):
    """A reset brought a deleted account back before it was erased."""

    request_id: str
    account_id: str


@dataclass(frozen=True, kw_only=True)
class AccountsErased(Event):
    """Accounts and all that was stored about them are gone. `reason`: deleted, never_verified, address_proved."""

    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class AccountActedOn(Event):
    """An operator did something to an account; the same stands in the table `audit`.

    `messages` are those that its owner is written because of it.
    """

    actor: str
    action: str
    account_id: str
    request_id: str | None = None
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RequestLimited(Event):
    """A request was answered 429: its client, or its session, asked too often. `act` is what it asked for."""

    request_id: str
    act: str
    network: str
    retry_after_s: int


@dataclass(frozen=True, kw_only=True)
class ChallengeRefused(Event):
    """The product's own check of strangers said no, or could not be asked (`reason`)."""

    request_id: str
    act: str
    network: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SignUpsUnusual(Event):
    """More sign-ups than usual on the whole: further ones of one client cost it more. At most one event a minute."""

    per_hour: int


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
    traceparent: str | None = None
    started_at: int | None = None
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
class MessageSuppressed(MessageEvent):
    """Its recipient must not be written to; `reason` is the suppression's. Nothing was sent."""


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
class LinkOpened(Event):
    """A mailed link was opened for the first time by this kind of `opener`: person or scanner. It changed nothing."""

    request_id: str
    purpose: str
    opener: str
    account_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class QueueHeld(Event):
    """An operator held the queue: no message is claimed until it is released."""

    actor: str
    reason: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class QueueReleased(Event):
    """An operator released the queue after so long."""

    actor: str
    held_s: float
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class OperatorSignedIn(Event):
    """An operator has a new session."""

    request_id: str
    operator: str
    role: str


@dataclass(frozen=True, kw_only=True)
class OperatorSignInRefused(Event):
    """Somebody failed to sign in as an operator.

    `reason`: no_operator, wrong_password, disabled, too_many_guesses, changed_meanwhile.
    """

    request_id: str
    reason: str
    network: str = ""


@dataclass(frozen=True, kw_only=True)
class OperatorPasswordRefused(Event):
    """What a signed-in operator typed as the current password is not it."""

    request_id: str
    operator: str


@dataclass(frozen=True, kw_only=True)
class OperatorChanged(Event):
    """Who operates changed. `action`: add, role, password, disable, enable, end_sessions."""

    actor: str
    action: str
    operator: str
    role: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class OperatorActed(Event):
    """An operator held, released, cancelled or resent a message, or looked at its mail; the same stands in `audit`."""

    actor: str
    action: str
    message: str
    result: str | None
    state_before: str
    state_after: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class AddressSuppressed(Event):
    """An address must not be written to from now on. `source` says by whose word, `message` what it came of."""

    suppression: str
    recipient: str
    reason: str
    scope: str
    source: str
    message: str | None = None
    expires_in_s: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class SuppressionLifted(Event):
    """An address may be written to again, as far as this reason goes. `source`: an operator, or password_reset."""

    suppression: str
    recipient: str
    reason: str
    source: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class BouncesUnusual(Event):
    """So many of a server's last answers were hard bounces that the server is not believed: nothing is suppressed.

    Told once, and again after it was believed in between.
    """

    server: str
    hard: int
    answers: int


@dataclass(frozen=True, kw_only=True)
class FeedbackReceived(Event):
    """A fact came back. `outcome`: applied, kept (its message is not settled yet), repeated, unmatched."""

    source: str
    kind: str
    outcome: str
    message: str | None = None
    state: str | None = None
    bounce: str | None = None
    status: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class FeedbackRefused(Event):
    """What was posted as feedback did not prove where it came from, or cannot be read. Nothing was kept."""

    source: str
    reason: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class PersonErased(Event):
    """Everything about one address was erased, by hand."""

    actor: str
    accounts: int
    messages: int
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessagesAnonymised(Event):
    """Old messages no longer say whom they were for."""

    count: int


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
