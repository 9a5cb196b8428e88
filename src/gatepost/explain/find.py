"""Find what somebody types into one box: an address or a part of one, or the id of anything. Changes nothing.

A whole address and an id are looked up. A part of an address stands in no index, so it is compared with the newest
LOOKED_THROUGH rows of each table and no others: whoever shows the result has to say so.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, Table, or_, select

from gatepost.accounts.account import COLUMNS, AccountRow, as_account
from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import accounts
from gatepost.errors import InvalidInput
from gatepost.mail.address import Address, parse_address
from gatepost.outbox import search
from gatepost.outbox.search import MessageRow
from gatepost.outbox.tables import messages
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.page import SuppressionRow, of_address
from gatepost.suppression.page import find as find_suppression
from gatepost.suppression.tables import suppressions

LOOKED_THROUGH = 20_000
MAX_TEXT_CHARACTERS = 320
LEAST_PART_CHARACTERS = 2
PAGE_ROWS = 50
MOST_BESIDE = 20  # accounts and suppressions beside a page of messages

# PostgreSQL's text has no NUL, UTF-8 has no half of a character: no row has them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LAST_ID = uuid.UUID(int=2**128 - 1)
_MESSAGE = [messages.c[name] for name in MessageRow.__dataclass_fields__]
_SUPPRESSION = [suppressions.c[name] for name in SuppressionRow.__dataclass_fields__]


class Kind(StrEnum):
    """What the text was taken for."""

    NOTHING = "nothing"  # no text, or one that no row can have
    ADDRESS = "address"
    PART = "part"
    ID = "id"
    MESSAGE_ID = "message_id"


@dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Args:
        text: as typed.
        state: only messages in this state.
        template: only messages of this template.
        before: only messages older than this one: the last one of the page before.
    """

    text: str = field(repr=False)
    state: str | None = None
    template: str | None = None
    before: uuid.UUID | None = None


@dataclass(frozen=True)
class Found:
    """What there is. `older`: what the page after this one comes before; None: there is no more.

    `bounded`: only the newest LOOKED_THROUGH rows of each table were looked at.
    """

    kind: Kind
    messages: Sequence[MessageRow] = ()
    accounts: Sequence[AccountRow] = ()
    suppressions: Sequence[SuppressionRow] = ()
    older: uuid.UUID | None = None
    bounded: bool = False


def find(connection: Connection, wanted: Wanted, *, keys: Keys, hiding: Hiding) -> Found:
    """Find messages, accounts and suppressions by what somebody typed, the newest first.

    Args:
        connection: a reading connection.
        wanted: what is looked for.
        keys: find what was written about an address while nobody had an account with it.
        hiding: finds the suppressions of people who were erased.
    """
    text = wanted.text.strip()
    if len(text) > MAX_TEXT_CHARACTERS or _UNSTORABLE.search(text) or (text and len(text) < LEAST_PART_CHARACTERS):
        return Found(Kind.NOTHING)
    if not text:
        return _paged(Kind.NOTHING, search.page(connection, **_which(wanted), limit=PAGE_ROWS))
    if (id := _as_id(text)) is not None:
        return _of_id(connection, id, text, wanted)
    message = _of_message_id(connection, text)
    if message is not None or (text.startswith("<") and text.endswith(">")):
        return Found(Kind.MESSAGE_ID, messages=() if message is None else (message,))
    if (address := as_address(text)) is not None:
        return _of_address(connection, address, wanted, keys, hiding)
    return _paged(
        Kind.PART,
        _messages_like(connection, text, wanted),
        accounts=_accounts_like(connection, text, None, MOST_BESIDE),
        suppressions=_suppressions_like(connection, text),
        bounded=True,
    )


def find_accounts(
    connection: Connection, text: str, *, before: uuid.UUID | None = None, limit: int = PAGE_ROWS
) -> tuple[list[AccountRow], bool]:
    """Find accounts by address, part of one or id; without a text the newest. Also whether the look was bounded.

    Args:
        connection: a reading connection.
        text: as typed.
        before: only older than this one: the last one of the page before.
        limit: how many.
    """
    text = text.strip()
    if len(text) > MAX_TEXT_CHARACTERS or _UNSTORABLE.search(text) or (text and len(text) < LEAST_PART_CHARACTERS):
        return [], False
    if (id := _as_id(text)) is not None:
        return _accounts(connection, accounts.c.id == id), False
    if (address := as_address(text)) is not None:
        return _accounts(connection, accounts.c.address_key == address.key), False
    if text:
        return _accounts_like(connection, text, before, limit), True
    newest = select(*COLUMNS).where(accounts.c.id < (before or _LAST_ID)).order_by(accounts.c.id.desc()).limit(limit)
    return [as_account(row) for row in connection.execute(newest).mappings()], False


def as_address(text: str) -> Address | None:
    """Take the text for an address; None where it is none."""
    try:
        return parse_address(text)
    except InvalidInput:
        return None


def _as_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _of_id(connection: Connection, id: uuid.UUID, text: str, wanted: Wanted) -> Found:
    """An id of a row is one row; an id of a request may have caused several messages, and no index has it."""
    message = search.find_row(connection, id)
    suppression = find_suppression(connection, id)
    its = _accounts(connection, accounts.c.id == id)
    if message or suppression or its:
        return Found(Kind.ID, (message,) if message else (), its, (suppression,) if suppression else ())
    return _paged(Kind.ID, _messages_like(connection, text, wanted), bounded=True)


def _of_message_id(connection: Connection, text: str) -> MessageRow | None:
    bare = text.removeprefix("<").removesuffix(">")
    if "@" not in bare:
        return None
    row = connection.execute(select(*_MESSAGE).where(messages.c.message_id == f"<{bare}>")).one_or_none()
    return None if row is None else MessageRow(**row._mapping)


def _of_address(connection: Connection, address: Address, wanted: Wanted, keys: Keys, hiding: Hiding) -> Found:
    recipient_keys = [address.key, *keys.hidden_addresses(address.key)]
    rows = search.page(connection, recipient_keys=recipient_keys, **_which(wanted), limit=PAGE_ROWS)
    return _paged(
        Kind.ADDRESS,
        rows,
        accounts=_accounts(connection, accounts.c.address_key == address.key),
        suppressions=of_address(connection, hiding.forms(address.key)),
    )


def _which(wanted: Wanted) -> dict[str, Any]:
    return {"state": wanted.state, "template": wanted.template, "before": wanted.before}


def _paged(kind: Kind, rows: Sequence[MessageRow], **beside: Any) -> Found:
    return Found(kind, rows, older=rows[-1].id if len(rows) == PAGE_ROWS else None, **beside)


def _accounts(connection: Connection, condition: Any) -> list[AccountRow]:
    return [as_account(row) for row in connection.execute(select(*COLUMNS).where(condition)).mappings()]


def _messages_like(connection: Connection, text: str, wanted: Wanted) -> list[MessageRow]:
    newest = _newest(messages, "recipient", "recipient_key", "request_id", "state", "template")
    # Without a recipient there is only a hash, and nothing of that is a part of an address.
    like = or_(
        newest.c.recipient.is_not(None) & newest.c.recipient_key.contains(text.lower(), autoescape=True),
        newest.c.recipient.contains(text, autoescape=True),
        newest.c.request_id == text,
    )
    chosen: Select[Any] = select(newest.c.id).where(newest.c.id < (wanted.before or _LAST_ID), like)
    for name in ("state", "template"):
        if (value := getattr(wanted, name)) is not None:
            chosen = chosen.where(newest.c[name] == value)
    chosen = chosen.order_by(newest.c.id.desc()).limit(PAGE_ROWS)
    query = select(*_MESSAGE).where(messages.c.id.in_(chosen)).order_by(messages.c.id.desc())
    return [MessageRow(**row._mapping) for row in connection.execute(query)]


def _accounts_like(connection: Connection, text: str, before: uuid.UUID | None, limit: int) -> list[AccountRow]:
    newest = _newest(accounts, "email", "address_key")
    like = or_(
        newest.c.address_key.contains(text.lower(), autoescape=True),
        newest.c.email.contains(text, autoescape=True),
    )
    chosen: Select[Any] = select(newest.c.id).where(newest.c.id < (before or _LAST_ID), like)
    chosen = chosen.order_by(newest.c.id.desc()).limit(limit)
    query = select(*COLUMNS).where(accounts.c.id.in_(chosen)).order_by(accounts.c.id.desc())
    return [as_account(row) for row in connection.execute(query).mappings()]


def _suppressions_like(connection: Connection, text: str) -> list[SuppressionRow]:
    newest = _newest(suppressions, "address", "address_key")
    # Of an erased person there is no address, and nothing of the hash in its place is a part of one.
    like = newest.c.address.is_not(None) & newest.c.address_key.contains(text.lower(), autoescape=True)
    chosen: Select[Any] = select(newest.c.id).where(like).order_by(newest.c.id.desc()).limit(MOST_BESIDE)
    query = select(*_SUPPRESSION).where(suppressions.c.id.in_(chosen)).order_by(suppressions.c.id.desc())
    return [SuppressionRow(**row._mapping) for row in connection.execute(query)]


def _newest(table: Table, *names: str) -> Any:
    columns = [table.c[name] for name in ("id", *names)]
    return select(*columns).order_by(table.c.id.desc()).limit(LOOKED_THROUGH).subquery()
