"""Everything that is stored about one address, as plain values for JSON. Changes nothing, and holds no secret."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, or_, select

from gatepost.accounts.account import AccountRow
from gatepost.accounts.tables import (
    accounts,
    address_changes,
    candidates,
    known_clients,
    link_opens,
    sessions,
    tokens,
)
from gatepost.audit.tables import audit
from gatepost.clock import iso
from gatepost.feedback.tables import feedback
from gatepost.outbox.tables import attempts, messages
from gatepost.person.find import Whose, find_account, message_ids
from gatepost.suppression.tables import soft_bounces, suppressions

PAGE = 200

# By table what is shown of a row. What is missing is an id nobody else knows, a digest, or the way to a link.
_ACCOUNT = ("id", "email", "name", "locale", "created_at", "verified_at", "disabled_at", "deleted_at")
_REGISTRATION = ("name", "locale", "created_at", "closed_at")
_LINK = ("purpose", "created_at", "expires_at", "used_at", "voided_at")
_SESSION = ("id", "created_at", "seen_at", "expires_at", "network", "agent")
_CLIENT = ("seen_at",)
_CHANGE = ("old_email", "new_email", "created_at", "confirmed_at", "undone_at")
_ELSEWHERE = ("account_id", "created_at", "confirmed_at", "undone_at")
_SUPPRESSION = ("id", "address", "scope", "reason", "source", "detail", "message", "created_at", "expires_at")
_SOFT = ("at",)
_FACT = ("source", "kind", "bounce", "status", "detail", "at", "received_at", "applied_at")
_DEED = ("at", "actor", "action", "result", "state_before", "state_after", "reason", "request_id")
_MESSAGE = (
    *("id", "state", "reason", "template", "locale", "recipient", "template_values", "message_id", "account_id"),
    *("request_id", "security", "created_at", "expires_at", "due_at", "settled_at", "resent_from"),
)
_OPEN = ("opener", "opened_at")
_ATTEMPT = ("number", "phase", "outcome", "reply_code", "enhanced_status", "reply_text", "server", "started_at")

_INSTANTS = frozenset({"at", "seen_at"})

Plain = dict[str, Any]


def about(connection: Connection, whose: Whose) -> Plain:
    """Return everything but the messages; those are read in pages, see `messages_after`."""
    account = find_account(connection, whose)
    stopped = connection.execute(
        select(suppressions).where(suppressions.c.address_key.in_(whose.suppressed)).order_by(suppressions.c.id)
    ).mappings()
    found = [_plain(row, _SUPPRESSION) for row in stopped]
    subjects = [] if account is None else [account.id]
    subjects += [uuid.UUID(one["id"]) for one in found]
    return {
        "address": whose.address,
        "account": None if account is None else _account(connection, account),
        "other_accounts": _elsewhere(connection, whose, account),
        "suppressions": found,
        "soft_bounces": _rows(connection, soft_bounces, _SOFT, soft_bounces.c.address_key == whose.key),
        "feedback": _rows(connection, feedback, _FACT, feedback.c.recipient_key == whose.key),
        "actions": _rows(connection, audit, _DEED, audit.c.subject.in_(subjects)),
    }


def messages_after(connection: Connection, whose: Whose, after: uuid.UUID) -> tuple[list[Plain], uuid.UUID | None]:
    """Return the next PAGE messages, each with its attempts, what came back, its opened link and operators' deeds.

    The second value is what the next page comes after; None at the end.
    """
    account = find_account(connection, whose)
    ids = message_ids(connection, whose, account.id if account else None, after=after, limit=PAGE)
    if not ids:
        return [], None
    rows = connection.execute(select(messages).where(messages.c.id.in_(ids)).order_by(messages.c.id)).mappings()
    tries = _by(connection, select(attempts).order_by(attempts.c.claim_number), attempts.c.message, ids, _ATTEMPT)
    facts = _by(connection, select(feedback).order_by(feedback.c.id), feedback.c.message, ids, _FACT)
    deeds = _by(connection, select(audit).order_by(audit.c.id), audit.c.subject, ids, _DEED)
    opens = _opens(connection, ids)
    page = []
    for row in rows:
        shown = _plain(row, _MESSAGE)
        shown["values"] = json.loads(shown.pop("template_values"))
        shown["security"] = bool(shown["security"])
        id = row["id"]
        page.append({**shown, "attempts": tries[id], "feedback": facts[id], "opened": opens[id], "actions": deeds[id]})
    return page, ids[-1] if len(ids) == PAGE else None


def _account(connection: Connection, account: AccountRow) -> Plain:
    (row,) = _rows(connection, accounts, (*_ACCOUNT, "password_hash"), accounts.c.id == account.id)
    has_password = row.pop("password_hash") is not None
    parts = {
        "registrations": (candidates, _REGISTRATION),
        "sessions": (sessions, _SESSION),
        "signed_in_from": (known_clients, _CLIENT),
        "links": (tokens, _LINK),
        "address_changes": (address_changes, _CHANGE),
    }
    return {
        **row,
        "has_password": has_password,
        **{name: _rows(connection, table, of, table.c.account_id == account.id) for name, (table, of) in parts.items()},
    }


def _elsewhere(connection: Connection, whose: Whose, account: AccountRow | None) -> list[Plain]:
    """Which other accounts had the address or wanted it; their own address is theirs."""
    its = or_(address_changes.c.old_key == whose.key, address_changes.c.new_key == whose.key)
    found = _rows(connection, address_changes, (*_ELSEWHERE, "old_key"), its)
    for one in found:
        one["had_it"] = one.pop("old_key") == whose.key
    return [one for one in found if account is None or one["account_id"] != str(account.id)]


def _rows(connection: Connection, table: Table, names: Iterable[str], where: Any) -> list[Plain]:
    names = list(names)
    order = table.c.get("created_at", next(iter(table.primary_key)))
    return [_plain(row, names) for row in connection.execute(select(table).where(where).order_by(order)).mappings()]


def _by(
    connection: Connection, query: Select[Any], column: Any, ids: Sequence[uuid.UUID], names: Sequence[str]
) -> Mapping[uuid.UUID, list[Plain]]:
    found: dict[uuid.UUID, list[Plain]] = defaultdict(list)
    for row in connection.execute(query.where(column.in_(ids))).mappings():
        found[row[column.name]].append(_plain(row, names))
    return found


def _opens(connection: Connection, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, list[Plain]]:
    query = select(messages.c.id, *(link_opens.c[name] for name in _OPEN)).join(
        link_opens, link_opens.c.token_id == messages.c.token_id
    )
    return _by(connection, query.order_by(link_opens.c.opened_at), messages.c.id, ids, _OPEN)


def _plain(row: Mapping[Any, Any], names: Iterable[str]) -> Plain:
    return {name: _value(name, row[name]) for name in names}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return iso(value) if value is not None and (name in _INSTANTS or name.endswith("_at")) else value
