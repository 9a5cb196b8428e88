"""Register: account, token and messages in one transaction, and the same answer for everybody.

Whether the address is new, waiting for its proof or taken, the request hashes once and writes the same kinds of rows;
what differs is who gets which mail. A stranger learns nothing, the owner learns everything.
"""

import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.accounts import messages, tokens
from gatepost.accounts.account import COLUMNS, DEFAULT_LOCALE, Account, AccountRow, as_account, public
from gatepost.accounts.gate import Gate
from gatepost.accounts.passwords import password_problem
from gatepost.accounts.tables import accounts, candidates
from gatepost.accounts.throttle import Wish, told_today, waiting
from gatepost.database.columns import new_row_id
from gatepost.database.upsert import insert_or
from gatepost.errors import AddressTaken, FieldError, InvalidInput
from gatepost.events import RegistrationReceived
from gatepost.mail.address import Address, mask_address, parse_address
from gatepost.mail.names import MAX_NAME_CHARACTERS, clean_name
from gatepost.outbox.enqueue import Enqueued, enqueue

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")  # RFC 5646, the part of it that names languages
CLOSED_KEPT_S = 7 * 24 * 3600
PRUNE_BATCH = 500
_INSERT_CANDIDATE = insert(candidates)


class Standing(StrEnum):
    """What a registration met: nobody, somebody who has not proved the address yet, or its owner."""

    CREATED = "created"
    WAITING = "waiting"
    TAKEN = "taken"


@dataclass(frozen=True)
class _Applicant:
    """A checked registration."""

    address: Address
    name: str | None
    locale: str
    password_hash: str
    request_id: str


async def register(
    gate: Gate, *, email: str, password: str, name: str | None, locale: str | None, request_id: str
) -> Account | None:
    """Take a registration; when this returns, everything it promised is durable.

    Args:
        gate: the parts.
        email: address as typed.
        password: new password.
        name: display name, at most 80 code points.
        locale: language tag (RFC 5646), "en" when None.
        request_id: for the logs and the message rows.

    Returns:
        The account where accounts may be revealed, otherwise None.

    Raises:
        InvalidInput: with every wrong field.
        AddressTaken: only where accounts may be revealed; nothing was written.
        TryLater: nothing was written, or nobody knows; a repeat is harmless.
    """
    address, cleaned, language = _check(gate, email, password, name, locale)
    # Hashed for a taken address too, so that the time it takes tells nothing.
    password_hash = await gate.passwords.hash(password)
    applicant = _Applicant(address, cleaned, language, password_hash, request_id)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> tuple[AccountRow, Standing, list[Enqueued]]:
        account, standing = _store_account(tx, gate, applicant, now_ms)
        _store_candidate(tx, account, standing, applicant, now_ms)
        return account, standing, _promise(tx, gate, account, standing, applicant, now_ms)

    try:
        account, standing, promised = await gate.database.write(work)
    except AddressTaken:
        _tell(gate, applicant, "refused", None, [])
        raise
    _tell(gate, applicant, standing, account, promised)
    return public(account) if gate.reveal_accounts else None


def check_name(name: str | None) -> str | None:
    """Make a typed name safe to print; None when nothing is left of it.

    Raises:
        InvalidInput: longer than 80 code points.
    """
    if name is not None and len(name) > MAX_NAME_CHARACTERS:
        raise InvalidInput([FieldError("name", "too_long", f"Use at most {MAX_NAME_CHARACTERS} characters.")])
    return clean_name(name) or None if name is not None else None


def check_locale(locale: str | None) -> str:
    """Take a language tag, or the default for None.

    Raises:
        InvalidInput: it is none.
    """
    if locale is not None and not _LOCALE.fullmatch(locale):
        raise InvalidInput([FieldError("locale", "invalid_locale", 'Use a language tag such as "en" or "zh-CN".')])
    return locale or DEFAULT_LOCALE


def prune_candidates(tx: Connection, now_ms: int) -> int:
    """Delete up to PRUNE_BATCH closed candidates older than a week; returns how many."""
    kept_since = now_ms - CLOSED_KEPT_S * 1000
    old = (
        select(candidates.c.id)
        .where(candidates.c.closed_at.is_not(None), candidates.c.closed_at < kept_since)
        .limit(PRUNE_BATCH)
    )
    return tx.execute(delete(candidates).where(candidates.c.id.in_(old))).rowcount


def _check(
    gate: Gate, email: str, password: str, name: str | None, locale: str | None
) -> tuple[Address, str | None, str]:
    wrong: list[FieldError] = []
    address, cleaned, language = None, None, DEFAULT_LOCALE
    try:
        address = parse_address(email)
    except InvalidInput as error:
        wrong.extend(error.errors)
    if (problem := password_problem(password, gate.password_min_length)) is not None:
        wrong.append(problem)
    try:
        cleaned = check_name(name)
    except InvalidInput as error:
        wrong.extend(error.errors)
    try:
        language = check_locale(locale)
    except InvalidInput as error:
        wrong.extend(error.errors)
    if wrong or address is None:
        raise InvalidInput(wrong)
    return address, cleaned, language


def _store_account(tx: Connection, gate: Gate, applicant: _Applicant, now_ms: int) -> tuple[AccountRow, Standing]:
    """Insert the account; the unique index decides whether it is new."""
    row_id = new_row_id()
    values = {
        "id": row_id,
        "email": applicant.address.text,
        "address_key": applicant.address.key,
        "name": applicant.name,
        "locale": applicant.locale,
        "created_at": now_ms,
        "registrations": 1,
    }
    if gate.reveal_accounts:
        stored = tx.execute(_insert_account(tx.dialect.name, again=False), values).mappings().all()
        if not stored:
            raise AddressTaken("an account with this address exists")
        return as_account(stored[0]), Standing.CREATED
    account = as_account(tx.execute(_insert_account(tx.dialect.name, again=True), values).mappings().one())
    if account.id == row_id:
        return account, Standing.CREATED
    return account, Standing.WAITING if account.verified_at is None else Standing.TAKEN


@functools.cache
def _insert_account(dialect: str, *, again: bool) -> ReturningInsert[Any]:
    """Make the statement once for each database; `again` counts a further registration of the same address."""
    update = {"registrations": accounts.c.registrations + 1} if again else None
    return insert_or(dialect, accounts, "address_key", update).returning(*COLUMNS)


def _store_candidate(
    tx: Connection, account: AccountRow, standing: Standing, applicant: _Applicant, now_ms: int
) -> None:
    """Keep the registration until somebody proves the address; for a taken one only an empty row, like the others."""
    taken = standing is Standing.TAKEN
    tx.execute(
        _INSERT_CANDIDATE,
        {
            "id": new_row_id(),
            "account_id": account.id,
            "password_hash": None if taken else applicant.password_hash,
            "name": None if taken else applicant.name,
            "locale": applicant.locale,
            "created_at": now_ms,
            "closed_at": now_ms if taken else None,
        },
    )


def _promise(
    tx: Connection, gate: Gate, account: AccountRow, standing: Standing, applicant: _Applicant, now_ms: int
) -> list[Enqueued]:
    """Write the token and the messages: the one that answers the registration, and the welcome."""
    if standing is Standing.TAKEN:
        wish = told_today(tx, account.id, now_ms)
    else:
        wish = waiting(tx, account.id, "verification", now_ms)
    token_id = tokens.issue(
        tx,
        gate.keys,
        tokens.Purpose.VERIFICATION,
        account_id=account.id,
        address_key=account.address_key,
        now_ms=now_ms,
        void=standing is Standing.TAKEN or wish is not Wish.GRANTED,
    )
    to = messages.To(
        recipient=account.email,
        recipient_key=account.address_key,
        account_id=account.id,
        # Only the first registration's own name: a later one may come from a stranger.
        name=account.name if standing is not Standing.WAITING else None,
        locale=account.locale,
        request_id=applicant.request_id,
    )
    draft = messages.account_exists(to) if standing is Standing.TAKEN else messages.verification(to, token_id)
    promised = [enqueue(tx, draft, now_ms=now_ms, domain=gate.message_id_domain, skip=wish.reason)]
    if gate.welcome == "at_registration":
        skip = None if standing is Standing.CREATED else "already_welcomed"
        promised.append(enqueue(tx, messages.welcome(to), now_ms=now_ms, domain=gate.message_id_domain, skip=skip))
    return promised


def _tell(
    gate: Gate, applicant: _Applicant, outcome: str, account: AccountRow | None, promised: list[Enqueued]
) -> None:
    gate.events.emit(
        RegistrationReceived(
            request_id=applicant.request_id,
            outcome=str(outcome),
            account_id=str(account.id) if account else None,
            recipient=mask_address(applicant.address.text),
            messages=tuple(str(one.id) for one in promised if one.skipped is None),
        )
    )
