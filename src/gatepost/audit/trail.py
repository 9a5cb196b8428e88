"""Write down what an operator did, in the transaction of the deed, and read what was done to one row."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from gatepost.audit.tables import audit
from gatepost.database.batch import among
from gatepost.database.columns import new_row_id
from gatepost.errors import N_, FieldError, InvalidInput

MAX_REASON_CHARACTERS = 500
MAX_SHOWN = 100

# JSON and PostgreSQL's text have no NUL, UTF-8 has no half of a character.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Who acts, and why.

    Args:
        actor: "admin token", "command line (uid 1000)".
        reason: as the operator gave it; see `clean_reason`.
        request_id: of the request, where there was one.
    """

    actor: str
    reason: str | None = None
    request_id: str | None = None

    def deed(
        self,
        action: str,
        now_ms: int,
        *,
        before: str | None = None,
        after: str | None = None,
        result: uuid.UUID | None = None,
    ) -> "Deed":
        """Say what was done: `before` and `after` are how it stood, `result` is the row that came of it."""
        return Deed(now_ms, self.actor, action, result, before, after, self.reason, self.request_id)


@dataclass(frozen=True)
class Deed:
    """One thing an operator did. `at` is in milliseconds since the epoch; `result` is the row that came of it."""

    at: int
    actor: str
    action: str
    result: uuid.UUID | None
    state_before: str | None
    state_after: str | None
    reason: str | None
    request_id: str | None


_INSERT = insert(audit)
_NEWEST = (
    select(*(audit.c[name] for name in Deed.__dataclass_fields__))
    .where(audit.c.subject == bindparam("of_subject"))
    .order_by(audit.c.id.desc())
    .limit(MAX_SHOWN)
)
_FORGET = update(audit).where(among(audit.c.subject, "of_subjects"), audit.c.reason.is_not(None)).values(reason=None)


def clean_reason(reason: str | None, *, field: str = "reason") -> str | None:
    """Return what an operator gave as the reason as it can be stored; None where it says nothing.

    `field` is how the request calls it.

    Raises:
        InvalidInput: longer than MAX_REASON_CHARACTERS, or it holds NUL or half of a character.
    """
    text = (reason or "").strip()
    if _UNSTORABLE.search(text):
        raise InvalidInput([FieldError(field, "invalid_text", N_("Holds NUL or half of a character."))])
    if len(text) > MAX_REASON_CHARACTERS:
        values = {"limit": MAX_REASON_CHARACTERS}
        raise InvalidInput([FieldError(field, "too_long", N_("Use at most %(limit)s characters."), values)])
    return text or None


def record(tx: Connection, subject: uuid.UUID, deed: Deed) -> None:
    """Write the row of what was done to `subject`, in the transaction that does it."""
    row = {name: getattr(deed, name) for name in Deed.__dataclass_fields__}
    tx.execute(_INSERT, {"id": new_row_id(), "subject": subject, **row})


def forget_reasons(tx: Connection, subjects: Sequence[uuid.UUID]) -> None:
    """Take out what operators gave as reasons for what they did to `subjects`: they may name a person who is forgotten.

    That it was done, when and by whom stays.
    """
    tx.execute(_FORGET, {"of_subjects": list(subjects)})


def forget_reasons_naming(tx: Connection, words: str) -> int:
    """Take out every reason in which these words stand, whatever was done to what; returns how many there were.

    It reads the whole table: for the command line.
    """
    naming = func.lower(audit.c.reason).contains(words.lower(), autoescape=True)
    return tx.execute(update(audit).where(naming).values(reason=None)).rowcount


def done_to(connection: Connection, subject: uuid.UUID) -> tuple[Deed, ...]:
    """Return what was done to `subject`, newest last: the last MAX_SHOWN deeds."""
    rows = connection.execute(_NEWEST, {"of_subject": subject}).all()
    return tuple(Deed(*row) for row in reversed(rows))
