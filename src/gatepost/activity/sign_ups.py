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

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, case, func, select

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


def _one_sign_up() -> Select[Any]:
    key = accounts.c.address_key
    # What stands after the @, in words that both databases know.
    domain = func.substr(key, func.length(func.rtrim(key, func.replace(key, "@", ""))) + 1)
    return (
        select(
            accounts.c.locale.label("language"),
            domain.label("domain"),
            *(
                func.max(_is(condition)).label(name)
                for name, condition in {
                    "accepted": messages.c.state.in_(_TAKEN),
                    "delivered": messages.c.state == State.DELIVERED,
                    "bounced": messages.c.state == State.BOUNCED,
                    "opened": link_opens.c.token_id.is_not(None),
                    "verified": accounts.c.verified_at.is_not(None),
                }.items()
            ),
        )
        .outerjoin(
            messages,
            (messages.c.account_id == accounts.c.id) & (messages.c.template == VERIFICATION) & WAS_MEANT_TO_GO_OUT,
        )
        .outerjoin(link_opens, (link_opens.c.token_id == messages.c.token_id) & (link_opens.c.opener == Opener.PERSON))
        .where(*_within(accounts))
        .group_by(accounts.c.id, accounts.c.locale, accounts.c.address_key)
    )


def _sign_ups() -> Select[Any]:
    one = _one_sign_up().subquery()
    steps = [func.sum(one.c[name]) for name in Steps.__dataclass_fields__ if name != "registered"]
    return select(one.c.language, one.c.domain, func.count(), *steps).group_by(one.c.language, one.c.domain)


def _mails() -> Select[Any]:
    person, scanner = link_opens.alias(), link_opens.alias()
    conditions = (
        messages.c.state.in_(_TAKEN),
        messages.c.state == State.DELIVERED,
        messages.c.state == State.BOUNCED,
        messages.c.token_id.is_not(None),
        person.c.token_id.is_not(None),
        scanner.c.token_id.is_not(None),
        tokens.c.used_at.is_not(None),
    )
    found = messages.outerjoin(tokens, tokens.c.id == messages.c.token_id)
    for opens, opener in ((person, Opener.PERSON), (scanner, Opener.SCANNER)):
        found = found.outerjoin(opens, (opens.c.token_id == messages.c.token_id) & (opens.c.opener == opener))
    return (
        select(messages.c.template, func.count(), *(func.sum(_is(condition)) for condition in conditions))
        .select_from(found)
        .where(*_within(messages), WAS_MEANT_TO_GO_OUT)
        .group_by(messages.c.template)
    )


_NEXT = {table.name: _next(table) for table in (accounts, messages)}
_SIGN_UPS = _sign_ups()
_MAILS = _mails()
