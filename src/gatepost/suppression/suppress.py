"""Write down that an address must not be written to, in the transaction that learned it."""

import functools
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.database.batch import among
from gatepost.database.columns import new_row_id
from gatepost.events import AddressSuppressed
from gatepost.mail.address import mask_address
from gatepost.suppression.hiding import Hiding, is_hidden
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.tables import suppressions

DAY_S = 24 * 3600
MAX_DETAIL_CHARACTERS = 500
# How long each reason lasts when nothing renews it; None: until it is lifted.
EXPIRES_IN_S: Mapping[Reason, int | None] = {
    Reason.HARD_BOUNCE: 365 * DAY_S,  # a mailbox may be opened again, and domains change hands
    Reason.SOFT_BOUNCES: 14 * DAY_S,
    Reason.COMPLAINT: None,
    Reason.UNSUBSCRIBED: None,
    Reason.OPERATOR: None,
}

# PostgreSQL's text has no NUL, UTF-8 has no half of a character; and a server's words come with line ends.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True)
class Suppressed:
    """What stands now. `is_new`: there was none of this reason; `expires_at` is None until it is lifted."""

    id: uuid.UUID
    is_new: bool
    scope: Scope
    expires_at: int | None


_OF_FORMS = (among(suppressions.c.address_key, "of_forms"), suppressions.c.reason == bindparam("of_reason"))
_OVER = delete(suppressions).where(*_OF_FORMS, suppressions.c.expires_at <= bindparam("now_ms"))
_STANDS_AS = select(suppressions.c.address_key).where(*_OF_FORMS)


def suppress(
    tx: Connection,
    hiding: Hiding,
    *,
    address: str | None,
    address_key: str,
    scope: Scope,
    reason: Reason,
    source: str,
    now_ms: int,
    message: uuid.UUID | None = None,
    detail: str | None = None,
    expires_in_s: int | None = None,
) -> Suppressed:
    """Suppress an address; the same reason again renews what is there.

    A renewed one tells by whose word and of which message it was last; it keeps its id and its beginning, its scope
    only widens, and it never ends sooner than before. Of a person who was erased it stays hidden.

    Args:
        tx: the transaction that learned it.
        hiding: hides addresses.
        address: as it is written; None where only a hidden form is known.
        address_key: its key, or the hidden form of one.
        scope: which mail is about it.
        reason: why.
        source: by whose word: "smtp", a provider's name, "dsn", "arf", "unsubscribe", "admin token", ….
        now_ms: wall time in milliseconds.
        message: the message it came of.
        detail: what the server, the report or the operator said; cut to MAX_DETAIL_CHARACTERS on one line.
        expires_in_s: after how many seconds it ends; None: what EXPIRES_IN_S says of the reason.
    """
    lasts_s = EXPIRES_IN_S[reason] if expires_in_s is None else expires_in_s
    key = _stands_as(tx, hiding, address_key, reason, now_ms)
    hidden = is_hidden(key)
    row = {
        "id": new_row_id(),
        "address_key": key,
        "address": None if hidden else address,
        "scope": str(scope),
        "reason": str(reason),
        "source": source,
        "detail": None if hidden else one_line(detail),
        "message": message,
        "created_at": now_ms,
        "expires_at": None if lasts_s is None else now_ms + lasts_s * 1000,
    }
    return put(tx, row)


def suppressed_event(
    suppressed: Suppressed,
    *,
    address: str | None,
    reason: Reason,
    source: str,
    now_ms: int,
    message: uuid.UUID | None = None,
    request_id: str | None = None,
) -> AddressSuppressed:
    """Make the event of a suppression, to be told once it is durable and only of one that is new."""
    expires_at = suppressed.expires_at
    return AddressSuppressed(
        suppression=str(suppressed.id),
        recipient=mask_address(address or ""),
        reason=str(reason),
        scope=str(suppressed.scope),
        source=source,
        message=None if message is None else str(message),
        expires_in_s=None if expires_at is None else max(0, (expires_at - now_ms) // 1000),
        request_id=request_id,
    )


def put(tx: Connection, row: Mapping[str, Any]) -> Suppressed:
    """Insert a row of `suppressions`, or merge it with the one its key has for this reason."""
    found = tx.execute(_upsert(tx.dialect.name), row).one()
    return Suppressed(found.id, found.id == row["id"], Scope(found.scope), found.expires_at)


def one_line(text: str | None) -> str | None:
    """Return somebody's words as they can be stored: one line, at most MAX_DETAIL_CHARACTERS."""
    return " ".join(_UNSTORABLE.sub(" ", text or "").split())[:MAX_DETAIL_CHARACTERS].strip() or None


def _stands_as(tx: Connection, hiding: Hiding, address_key: str, reason: Reason, now_ms: int) -> str:
    """Return the form to write: of a person who was erased and is suppressed for this reason, the hidden one."""
    forms = hiding.forms(address_key)
    which = {"of_forms": forms, "of_reason": str(reason)}
    tx.execute(_OVER, which | {"now_ms": now_ms})  # what has ended is not renewed: it begins anew
    found = set(tx.execute(_STANDS_AS, which).scalars())
    return next((form for form in forms if form in found), address_key)


@functools.cache
def _upsert(dialect: str) -> ReturningInsert[Any]:
    statement = postgresql.insert(suppressions) if dialect == "postgresql" else sqlite.insert(suppressions)
    new, old = statement.excluded, suppressions.c
    for_good = or_(new.expires_at.is_(None), old.expires_at.is_(None))
    renewed = {name: new[name] for name in ("source", "detail", "message")}
    statement = statement.on_conflict_do_update(
        index_elements=["address_key", "reason"],
        set_=renewed
        | {
            "address": case((new.address.is_(None), old.address), else_=new.address),
            "scope": case((or_(new.scope == "all", old.scope == "all"), "all"), else_=new.scope),
            "expires_at": case(
                (for_good, None),
                (new.expires_at > old.expires_at, new.expires_at),
                else_=old.expires_at,
            ),
        },
    )
    return statement.returning(old.id, old.scope, old.expires_at)
