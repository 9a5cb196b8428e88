"""How far sign-ups got, and the mails beside them: counted from the tables, a bounded number of rows at a time.

A sign-up is an account, on the day of its first registration; who registers again is the same one. Each step is counted
by itself, and none implies the one before: a password reset proves an address as well, a link opened on a front end of
the product's own is not seen here, and a person may press the button in a page that a program opened for them.

- accepted: a server took at least one verification message of it.
- delivered, bounced: a report said so of one; most servers report nothing of what arrives.
- opened: a person seems to have opened the link, see docs/decisions/0039-opened-links.md.
- verified: the address is proved now.

An account that is erased is no longer counted. Those that nobody proved go after UNVERIFIED_KEPT_DAYS.
"""

import uuid
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table, bindparam, case, func, literal, select

from gatepost.accounts.link_opens import Opener
from gatepost.accounts.tables import accounts, link_opens, tokens
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import WAS_MEANT_TO_GO_OUT, messages

ROWS_AT_ONCE = 2_000
DAY_MS = 24 * 3600 * 1000
VERIFICATION = "verification"

_TAKEN = (State.ACCEPTED, State.DELIVERED, State.BOUNCED)


@dataclass(frozen=True)
class Steps:
    """How many sign-ups got how far."""

    registered: int = 0
    accepted: int = 0
    delivered: int = 0
    bounced: int = 0
    opened: int = 0
    verified: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class MailSteps:
    """How many messages got how far; those that were never to go out do not count.

    Args:
        sent: promised.
        accepted, delivered, bounced: as for sign-ups.
        linked: which of them carry a link with a token.
        opened: whose link a person seems to have opened.
        scanned: whose link a program opened.
        used: whose link did what it is for.
    """

    sent: int = 0
    accepted: int = 0
    delivered: int = 0
    bounced: int = 0
    linked: int = 0
    opened: int = 0
    scanned: int = 0
    used: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Piece:
    """What the rows of one look say, and where the next look begins; None: that was the last of the stretch."""

    groups: Mapping[tuple[str, ...], Any]
    next_id: uuid.UUID | None


def id_at(instant_ms: int) -> uuid.UUID:
    """The smallest id a row of this instant may have: ids begin with the time."""
    return uuid.UUID(int=max(0, instant_ms) << 80)


def count_sign_ups(connection: Connection, from_id: uuid.UUID, before_id: uuid.UUID) -> Piece:
    """Count the next ROWS_AT_ONCE accounts of a stretch of ids, by (language, domain)."""
    return _piece(connection, accounts, _SIGN_UPS, Steps, from_id, before_id)


def count_mails(connection: Connection, from_id: uuid.UUID, before_id: uuid.UUID) -> Piece:
    """Count the next ROWS_AT_ONCE messages of a stretch of ids, by (template,)."""
    return _piece(connection, messages, _MAILS, MailSteps, from_id, before_id)


def _piece(
    connection: Connection, table: Table, query: Select[Any], steps: Any, from_id: uuid.UUID, before_id: uuid.UUID
) -> Piece:
    which: dict[str, Any] = {"from_id": from_id, "before_id": before_id}
    next_id = connection.execute(_NEXT[table.name], which).scalar()
    which["before_id"] = next_id or before_id
    names = tuple(steps.__dataclass_fields__)
    groups = {}
    for row in connection.execute(query, which):
        key, counts = row[: -len(names)], row[-len(names) :]
        groups[tuple(map(str, key))] = steps(*map(int, counts))
    return Piece(groups, next_id)


def _within(table: Table) -> tuple[ColumnElement[bool], ...]:
    kind = table.c.id.type
    return table.c.id >= bindparam("from_id", type_=kind), table.c.id < bindparam("before_id", type_=kind)


def _next(table: Table) -> Select[Any]:
    return select(table.c.id).where(*_within(table)).order_by(table.c.id).offset(ROWS_AT_ONCE).limit(1)


def _is(condition: Any) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _is_opened(opener: Opener) -> ColumnElement[int]:
    return _found(
        select(literal(1)).where(link_opens.c.token_id == messages.c.token_id, link_opens.c.opener == str(opener))
    )


def _found(query: Select[Any]) -> ColumnElement[int]:
    # Looked for row by row: as a join, PostgreSQL may read through all there are for each piece.
    return _is(query.limit(1).correlate(messages).scalar_subquery().is_not(None))


def _sign_ups() -> Select[Any]:
    # What the messages of one account say, as bits, so that they are looked for once.
    flags = {
        "accepted": messages.c.state.in_(_TAKEN),
        "delivered": messages.c.state == State.DELIVERED,
        "bounced": messages.c.state == State.BOUNCED,
    }
    bits = {name: 1 << place for place, name in enumerate((*flags, "opened"))}
    said = [func.max(_is(flag)) * bits[name] for name, flag in flags.items()]
    said.append(func.max(_is_opened(Opener.PERSON)) * bits["opened"])
    mask = (
        select(func.coalesce(sum(said[1:], start=said[0]), 0))
        .where(messages.c.account_id == accounts.c.id, messages.c.template == VERIFICATION, WAS_MEANT_TO_GO_OUT)
        .correlate(accounts)
        .scalar_subquery()
    )
    key = accounts.c.address_key
    # What stands after the @, in words that both databases know.
    domain = func.substr(key, func.length(func.rtrim(key, func.replace(key, "@", ""))) + 1)
    one = _piece_of(accounts, accounts.c.locale, domain.label("domain"), mask.label("mask"), accounts.c.verified_at)
    steps = [func.sum(_is(one.c.mask.bitwise_and(bit) != 0)) for bit in bits.values()]
    verified = func.count(one.c.verified_at)
    return select(one.c.locale, one.c.domain, func.count(), *steps, verified).group_by(one.c.locale, one.c.domain)


def _mails() -> Select[Any]:
    used = _found(select(literal(1)).where(tokens.c.id == messages.c.token_id, tokens.c.used_at.is_not(None)))
    flags = {
        "accepted": _is(messages.c.state.in_(_TAKEN)),
        "delivered": _is(messages.c.state == State.DELIVERED),
        "bounced": _is(messages.c.state == State.BOUNCED),
        "linked": _is(messages.c.token_id.is_not(None)),
        "opened": _is_opened(Opener.PERSON),
        "scanned": _is_opened(Opener.SCANNER),
        "used": used,
    }
    one = _piece_of(
        messages, messages.c.template, messages.c.state, *(flag.label(name) for name, flag in flags.items())
    )
    counts = [func.sum(one.c[name]) for name in flags]
    return select(one.c.template, func.count(), *counts).where(one.c.state != "cancelled").group_by(one.c.template)


def _piece_of(table: Table, *columns: Any) -> Subquery:
    # With its limit the database takes it as it is: nothing in it is looked for twice, and it knows how few rows come.
    return select(*columns).where(*_within(table)).order_by(table.c.id).limit(ROWS_AT_ONCE).subquery()


_NEXT = {table.name: _next(table) for table in (accounts, messages)}
_SIGN_UPS = _sign_ups()
_MAILS = _mails()
