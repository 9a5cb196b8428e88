"""Register: account, token and messages in one transaction, and the same answer for everybody.

Whether the address is new, waiting for its proof or taken, the request hashes once and writes the same kinds of rows;
what differs is who gets which mail. A stranger learns nothing, the owner learns everything.
"""

import functools
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.accounts import caps, idempotency, messages, tokens
from gatepost.accounts.account import COLUMNS, Account, AccountRow, as_account, public
from gatepost.accounts.applicant import Applicant, check
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import Act, admit
from gatepost.accounts.tables import accounts, candidates
from gatepost.database.columns import new_row_id
from gatepost.database.upsert import insert_or
from gatepost.errors import AddressTaken
from gatepost.events import RegistrationReceived
from gatepost.mail.address import mask_address
from gatepost.outbox.enqueue import Enqueued, enqueue

_INSERT_CANDIDATE = insert(candidates)


class Standing(StrEnum):
    """What a registration met: nobody, somebody who has not proved the address yet, or its owner."""

    CREATED = "created"
    WAITING = "waiting"
    TAKEN = "taken"


@dataclass(frozen=True)
class _Registration:
    """A checked registration; `now_ms` is when it is written."""

    applicant: Applicant
    password_hash: str = field(repr=False)
    request_id: str
    client: Client | None
    now_ms: int


@dataclass(frozen=True)
class _Stored:
    """What was written for it."""

    account: AccountRow
    standing: Standing
    promised: list[Enqueued]


async def register(
    gate: Gate,
    *,
    email: str,
    password: str,
    name: str | None,
    locale: str | None,
    request_id: str,
    preferred_locale: str | None = None,
    idempotency_key: str | None = None,
    client: Client | None = None,
    challenge: str | None = None,
) -> Account | None:
    """Take a registration; when this returns, everything it promised is durable.

    Args:
        gate: the parts.
        email: address as typed.
        password: new password.
        name: display name, at most 80 code points.
        locale: language tag (RFC 5646), as asked for.
        request_id: for the logs and the message rows.
        preferred_locale: for a registration without `locale`, "en" when None. It comes from beside what was asked, so
            a repeat with another one is still the same request.
        idempotency_key: a repeat with the same key and the same arguments within 24 h gets the first answer, and
            nothing is written or hashed again. What raised is not kept.
        client: where the request comes from; None for a caller inside the product, who is not limited.
        challenge: what came with it for the product's own check of strangers.

    Returns:
        The account where accounts may be revealed, otherwise None. For a repeat what the first one returned, as the
        account was then.

    Raises:
        InvalidInput: with every wrong field.
        AddressTaken: only where accounts may be revealed; nothing was written.
        IdempotencyKeyReused: the key came before with other arguments; nothing was written.
        RateLimited, ChallengeFailed: see `admit`.
        TryLater: nothing was written, or nobody knows; a repeat is harmless.
    """
    request = None
    if idempotency_key is not None:
        request = idempotency.keyed(idempotency_key, "register", email, password, name, locale)
        # Before the hash: clients that repeat themselves in a hurry cost one read each. The insert still decides.
        if (first := await _first_answer(gate, request)) is not None:
            return _repeat(gate, first, email, request_id)
    language = preferred_locale if locale is None else locale
    applicant = check(email, password, name, language, policy=gate.password_policy)
    await admit(gate, Act.REGISTER, client, request_id=request_id, challenge=challenge)
    # Hashed for a taken address too, so that the time it takes tells nothing.
    password_hash = await gate.passwords.hash(password)
    asked = _Registration(applicant, password_hash, request_id, client, gate.clock.now_ms())
    try:
        done = await gate.database.write(lambda tx: _register(tx, gate, asked, request))
    except AddressTaken:
        _tell(gate, asked, "refused", None, [])
        raise
    if isinstance(done, idempotency.First):
        return _repeat(gate, done, email, request_id)
    _tell(gate, asked, done.standing, done.account, done.promised)
    return _shown(gate, done.account)


async def _first_answer(gate: Gate, request: idempotency.Keyed) -> idempotency.First | None:
    now_ms = gate.clock.now_ms()
    return await gate.database.read(lambda connection: idempotency.find_first(connection, gate.keys, request, now_ms))


def _register(
    tx: Connection, gate: Gate, asked: _Registration, request: idempotency.Keyed | None
) -> _Stored | idempotency.First:
    """Write everything a registration needs, or find that it was written before. The Idempotency-Key comes first."""
    if request is not None:
        first = idempotency.begin(tx, gate.keys, request, asked.now_ms)
        if first is not None:
            return first
    account, standing = _store_account(tx, gate, asked)
    _store_candidate(tx, account, standing, asked)
    stored = _Stored(account, standing, _promise(tx, gate, account, standing, asked))
    if request is not None:
        idempotency.complete(tx, request, account.id, _shown(gate, account))
    return stored


def _store_account(tx: Connection, gate: Gate, asked: _Registration) -> tuple[AccountRow, Standing]:
    """Insert the account; the unique index decides whether it is new."""
    row_id = new_row_id()
    values = {
        "id": row_id,
        "email": asked.applicant.address.text,
        "address_key": asked.applicant.address.key,
        "name": asked.applicant.name,
        "locale": asked.applicant.locale,
        "created_at": asked.now_ms,
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


def _store_candidate(tx: Connection, account: AccountRow, standing: Standing, asked: _Registration) -> None:
    """Keep the registration until somebody proves the address; for a taken one only an empty row, like the others."""
    taken = standing is Standing.TAKEN
    tx.execute(
        _INSERT_CANDIDATE,
        {
            "id": new_row_id(),
            "account_id": account.id,
            "password_hash": None if taken else asked.password_hash,
            "name": None if taken else asked.applicant.name,
            "locale": asked.applicant.locale,
            "created_at": asked.now_ms,
            "closed_at": asked.now_ms if taken else None,
        },
    )


def _promise(
    tx: Connection, gate: Gate, account: AccountRow, standing: Standing, asked: _Registration
) -> list[Enqueued]:
    """Write the token and the messages: the one that answers the registration, and the welcome."""
    now_ms = asked.now_ms
    template = "account_exists" if standing is Standing.TAKEN else "verification"
    wanted = {template: _why_not(account)}
    if gate.welcome == "at_registration":
        skip = None if standing is Standing.CREATED else "already_welcomed"
        wanted["welcome"] = skip
    skips = caps.ask(tx, gate, account, wanted, address_key=account.address_key, client=asked.client, now_ms=now_ms)
    token_id = tokens.issue(
        tx,
        gate.keys,
        tokens.Purpose.VERIFICATION,
        account_id=account.id,
        address_key=account.address_key,
        now_ms=now_ms,
        void=standing is Standing.TAKEN or skips[template] is not None,
    )
    # Only the first registration's own name: a later one may come from a stranger.
    with_name = standing is not Standing.WAITING
    to = messages.addressee(
        gate.keys, account, account.address_key, asked.request_id, with_name=with_name, client=asked.client
    )
    drafts = [messages.account_exists(to) if standing is Standing.TAKEN else messages.verification(to, token_id)]
    if "welcome" in wanted:
        drafts.append(messages.welcome(to))
    return [
        enqueue(tx, draft, now_ms=now_ms, domain=gate.message_id_domain, skip=skips[draft.template]) for draft in drafts
    ]


def _why_not(account: AccountRow) -> str | None:
    return None if account.disabled_at is None else "disabled"


def _shown(gate: Gate, account: AccountRow) -> Account | None:
    return public(account) if gate.reveal_accounts else None


def _repeat(gate: Gate, first: idempotency.First, email: str, request_id: str) -> Account | None:
    """Answer what was answered the first time, also where REVEAL_ACCOUNTS was changed since."""
    gate.events.emit(
        RegistrationReceived(
            request_id=request_id,
            outcome="repeated",
            account_id=str(first.account_id),
            recipient=mask_address(email),
            messages=(),
        )
    )
    return first.answer


def _tell(gate: Gate, asked: _Registration, outcome: str, account: AccountRow | None, promised: list[Enqueued]) -> None:
    gate.events.emit(
        RegistrationReceived(
            request_id=asked.request_id,
            outcome=str(outcome),
            account_id=str(account.id) if account else None,
            recipient=mask_address(asked.applicant.address.text),
            messages=tuple(str(one.id) for one in promised if one.skipped is None),
        )
    )
