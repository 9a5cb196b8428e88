"""Every error Gatepost raises on purpose, in one tree.

GatepostError
├── SettingsError           a setting is missing, unknown or unsafe: names it and the way out
├── StartRefused            the process may not start: port taken, folder not writable, …
│   ├── DatabaseInUse       another process owns the SQLite file
│   └── SchemaTooNew        the database was migrated by a later version
├── NotStarted              a call before the lifespan ran, or after it ended
├── TryLater                nothing is half done; the same call may succeed later (HTTP 503, Retry-After)
│   ├── DatabaseUnavailable full, locked, away or its outcome unknown
│   ├── DatabaseBusy        too many writes wait, or no connection became free
│   └── HashingBusy         the bounded queue of password hashes is full
├── InvalidInput            what a person typed, field by field (HTTP 422)
├── BadToken                every bad token alike (HTTP 400)
├── AddressTaken            only with REVEAL_ACCOUNTS (HTTP 409)
├── IdempotencyKeyReused    the Idempotency-Key came before with another body (HTTP 409)
├── SignInFailed            wrong address or password, not verified, disabled, deleted: one error for all (HTTP 401)
├── NotSignedIn             no session, or one that ended (HTTP 401)
├── WrongPassword           the current password does not fit; the session stays (HTTP 403)
├── RateLimited             too many requests of one client or session (HTTP 429, Retry-After)
├── ChallengeFailed         the product's own check of strangers said no (HTTP 403)
├── NoSuchSession           the account has no session with this id (HTTP 404)
├── NoSuchAccount           there is no account with this id (HTTP 404)
├── NoSuchMessage           there is no message with this id (HTTP 404)
├── NoSuchSuppression       there is no suppression with this id (HTTP 404)
├── NoSuchOperator          there is no operator of this name (HTTP 404)
├── OperatorNameTaken       there is an operator of this name already (HTTP 409)
├── LastOwner               no owner who may sign in would be left (HTTP 409)
├── OperatorSignInFailed    wrong name or password, or disabled: one error for all (HTTP 401)
├── FeedbackError           what came back is not taken
│   ├── NotProven           it does not prove where it comes from (HTTP 401)
│   └── FeedbackUnreadable  it is not what its source documents (HTTP 400)
├── ActionRefused           what an operator wants does not fit what became of the message (HTTP 409)
│   └── MessageInFlight     a worker has it at this moment: look again shortly (HTTP 409)
├── EnqueueRefused          a draft cannot be promised in this transaction: wrong session, database or schema
├── TemplateError           a template is missing, does not compile or lacks a value
│   └── TemplateUnknown     this process has no template of that name; another may
└── ComposeError            the message could not be made, or did not pass its check
    └── InvalidRecipient    the stored recipient is no address that may be written to a server

A message names the value's place and the way out, and never contains a secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field


def N_(text: str) -> str:  # noqa: N802 (gettext's own name for it)
    """Mark an English text that people read, for the catalogues of the other languages; nothing else happens here."""
    return text


class GatepostError(Exception):
    """The root: `except GatepostError` catches what Gatepost raises on purpose."""


class SettingsError(GatepostError):
    """One or more settings are missing, unknown or unsafe.

    Args:
        problems: one sentence for each, naming the setting and the way out.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StartRefused(GatepostError):
    """The process cannot start here; the text says why and what to do."""


class DatabaseInUse(StartRefused):
    """Another process owns the SQLite file."""


class SchemaTooNew(StartRefused):
    """The database has a revision this version does not know."""


class NotStarted(GatepostError):
    """Gatepost's lifespan has not run: the app was not started (a TestClient needs `with`), or has stopped."""


class TryLater(GatepostError):
    """Nothing was done, or nobody knows: the caller answers 503 and may repeat.

    Args:
        detail: one sentence for the log.
        retry_after_s: whole seconds until a repeat makes sense.
    """

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class DatabaseUnavailable(TryLater):
    """The database is full, locked or away, or the outcome of the commit is unknown."""


class DatabaseBusy(TryLater):
    """Too many writes wait already, or no connection became free in time."""


class HashingBusy(TryLater):
    """The bounded queue of password hashes is full, or a hash waited too long."""


@dataclass(frozen=True)
class FieldError:
    """One wrong field.

    Args:
        field: as the body names it.
        code: stable, for programs.
        text: a sentence for a person, marked with `N_`, with `%(name)s` where a value stands.
        values: the values, by name.
    """

    field: str
    code: str
    text: str
    values: Mapping[str, int] = dataclass_field(default_factory=dict, hash=False)

    @property
    def detail(self) -> str:
        """The sentence in English."""
        return self.text % self.values if self.values else self.text


class InvalidInput(GatepostError):
    """What was typed cannot be used; nothing was written."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))
        self.errors = tuple(errors)


class BadToken(GatepostError):
    """The token is unknown, forged, expired, used, voided or for something else: one error for all."""


class AddressTaken(GatepostError):
    """An account with this address exists. Raised only where accounts may be revealed."""


class IdempotencyKeyReused(GatepostError):
    """The Idempotency-Key came before with another body; nothing was written."""


class SignInFailed(GatepostError):
    """Nobody may sign in with this; its text is for operators alone, the caller learns no cause."""


class NotSignedIn(GatepostError):
    """No session, or one that ended; its text is for operators alone."""


class WrongPassword(GatepostError):
    """The current password that was given for a sensitive change does not fit; nothing was changed."""


class RateLimited(GatepostError):
    """One client, or one session, asked too often; nothing was done.

    Args:
        retry_after_s: whole seconds until a repeat is let through.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests; the next one passes in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class ChallengeFailed(GatepostError):
    """The product's own check of strangers (a CAPTCHA, a proof of work) said no; nothing was done."""


class NoSuchSession(GatepostError):
    """The account has no session with this id."""


class NoSuchAccount(GatepostError):
    """There is no account with this id."""


class NoSuchMessage(GatepostError):
    """There is no message with this id."""


class NoSuchSuppression(GatepostError):
    """There is no suppression with this id."""


class NoSuchOperator(GatepostError):
    """There is no operator of this name."""


class OperatorNameTaken(GatepostError):
    """There is an operator of this name already."""


class LastOwner(GatepostError):
    """Nobody would be left who says who the operators are; nothing was written."""


class OperatorSignInFailed(GatepostError):
    """No operator may sign in with this; its text is for the log alone, the caller learns no cause."""


class FeedbackError(GatepostError):
    """What came back is not taken: the text is for operators, and repeats nothing of it."""


class NotProven(FeedbackError):
    """It does not prove that it comes from where it says: no key is set, no signature, a wrong or an old one."""


class FeedbackUnreadable(FeedbackError):
    """It is proven, and is not what its source documents."""


class ActionRefused(GatepostError):
    """What an operator wants does not fit what became of the message; nothing was written.

    Args:
        text: why, and what to do instead: a sentence for a person, marked with `N_`.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class MessageInFlight(ActionRefused):
    """A worker has the message at this moment: what becomes of it is known shortly."""


class EnqueueRefused(GatepostError):
    """A draft cannot be promised in this transaction; nothing was written, and the text names the way out."""


class TemplateError(GatepostError):
    """A template is missing, does not compile or lacks a value, or a draft does not fit it; names file or message."""


class TemplateUnknown(TemplateError):
    """This process has no template of that name; another one may have it."""


class ComposeError(GatepostError):
    """The message could not be made, or did not pass the check after it was made."""


class InvalidRecipient(ComposeError):
    """The stored recipient is no address that may be written to a server."""
