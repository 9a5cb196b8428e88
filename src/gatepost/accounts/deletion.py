"""Delete an account: at once for everybody, for good some days later. Nothing about it remains then."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from gatepost.accounts import messages, tokens
from gatepost.accounts.account import COLUMNS, AccountRow, as_account, take_by_id
from gatepost.accounts.client import Client
from gatepost.accounts.erasing import ROWS_AT_ONCE, Reach, erase_one
from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.password_change import prove_password, write_proved
from gatepost.accounts.sessions import Current, end_all
from gatepost.accounts.tables import accounts, candidates
from gatepost.clock import minute
from gatepost.database.batch import in_batch
from gatepost.events import AccountDeleted, SignedOut
from gatepost.outbox.cancel import cancel_of_account
from gatepost.outbox.enqueue import Enqueued, enqueue
from gatepost.suppression.hiding import Hiding

DAY_MS = 24 * 3600 * 1000
ACCOUNTS_AT_ONCE = 20

_SHUT = update(accounts).where(accounts.c.id == bindparam("of_account")).values(deleted_at=bindparam("now_ms"))
_TAKE = select(*COLUMNS).where(accounts.c.id == bindparam("of_account")).with_for_update()
_AT_ONCE = Reach(waiting=True, of_others=False)
_BY_HAND = Reach(waiting=True, of_others=True)
_UNPROVED = Reach(waiting=False, of_others=False)
_PROVED = Reach(waiting=False, of_others=True)
# By their indexes: PostgreSQL guesses that a third is old, and reads the table.
_DELETED = (
    select(*COLUMNS)
    .where(accounts.c.deleted_at.is_not(None), accounts.c.deleted_at <= bindparam("until"))
    .order_by(accounts.c.deleted_at)
    .limit(ACCOUNTS_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_UNVERIFIED = (
    select(*COLUMNS)
    .where(accounts.c.verified_at.is_(None), accounts.c.created_at < bindparam("until"))
    .order_by(accounts.c.created_at)
    .limit(ACCOUNTS_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_A_CANDIDATE = select(candidates.c.created_at).where(candidates.c.account_id == bindparam("of_account")).limit(1)
_BEGAN = update(accounts).where(accounts.c.id == bindparam("of_account")).values(created_at=bindparam("at"))
_OLD_CANDIDATES = (
    select(candidates.c.id)
    .where(candidates.c.created_at < bindparam("until"))
    .order_by(candidates.c.created_at)
    .limit(ROWS_AT_ONCE)
)
_PRUNE_CANDIDATES = delete(candidates).where(in_batch(candidates.c.id, _OLD_CANDIDATES))


async def delete_account(
    gate: Gate, current: Current, *, current_password: str, request_id: str, client: Client | None = None
) -> None:
    """Delete the account: sessions end, tokens are void, what waits is cancelled, the owner is told.

    Until it is erased a reset restores it.

    Raises:
        WrongPassword, RateLimited: see `prove_password`.
        NotSignedIn: the session ended meanwhile.
        TryLater: nothing was done, or nobody knows.
    """
    proved_hash = await prove_password(gate, current, current_password, request_id=request_id, client=client)
    now_ms = gate.clock.now_ms()
    until = minute(now_ms + gate.deleted_kept_days * DAY_MS) if gate.deleted_kept_days else ""
    where = client.network if client else ""

    def work(tx: Connection, account: AccountRow) -> tuple[int, Enqueued]:
        tx.execute(_SHUT, {"of_account": account.id, "now_ms": now_ms})
        # Whoever took the account over could delete it, too: what the old address was promised stays.
        ended = shut(tx, account.id, "account_deleted", now_ms, way_back_stays=True)
        to = messages.To(
            account.email, account.address_key, account.id, account.name, account.locale, request_id, where
        )
        notice = messages.account_deleted(to, until=until)
        return ended, enqueue(tx, notice, now_ms=now_ms, domain=gate.message_id_domain)

    ended, notice = await write_proved(gate, current, proved_hash, work, request_id=request_id)
    account_id = str(current.account.id)
    gate.events.emit(AccountDeleted(request_id=request_id, account_id=account_id, messages=(str(notice.id),)))
    gate.events.emit(SignedOut(request_id=request_id, account_id=account_id, reason="account_deleted", count=ended))


def shut(tx: Connection, account_id: uuid.UUID, reason: str, now_ms: int, *, way_back_stays: bool = False) -> int:
    """End every session, void every token, cancel what waits; returns how many sessions there were.

    Args:
        tx: the transaction; it has taken the account.
        account_id: whose.
        reason: for the messages.
        now_ms: wall time in milliseconds.
        way_back_stays: an old address can still undo a change, see docs/decisions/0027.
    """
    spare = messages.ADDRESS_CHANGE_NOTICE if way_back_stays else ""
    # Before the tokens: so each says the reason, not `superseded`.
    cancel_of_account(tx, account_id, reason, now_ms, spare=spare)
    tokens.void(tx, account_id, tokens.ALL_BUT_UNDO if way_back_stays else tokens.EVERY, now_ms)
    return end_all(tx, account_id)


def erase(tx: Connection, account_ids: Sequence[uuid.UUID]) -> int:
    """Delete accounts nobody proved and everything about them, at once; returns how many.

    What other accounts caused to be written to their addresses stays. So does what a worker has in hand at this moment
    (and of one account whatever is more than a stranger should have caused): old messages are anonymised.
    """
    count = 0
    for account_id in account_ids:
        row = tx.execute(_TAKE, {"of_account": account_id}).mappings().one_or_none()
        if row is not None:
            count += erase_one(tx, as_account(row), _AT_ONCE)
    return count


def erase_by_hand(tx: Connection, account_id: uuid.UUID, hidden: Sequence[str], hiding: Hiding, now_ms: int) -> bool:
    """Shut an account for good and erase a piece of what is stored about it; returns whether all of it is gone.

    What waits to its address is not sent any more. What a worker has in hand stays, and the account with it, which
    nobody signs in to; left so it is erased as if its owner had deleted it.

    Args:
        tx: the transaction.
        account_id: whose.
        hidden: the keyed hashes under which its address stands in messages to nobody.
        hiding: see `erase_one`.
        now_ms: wall time in milliseconds.
    """
    account = take_by_id(tx, account_id)
    if account is None:
        return True
    if account.deleted_at is None:
        tx.execute(_SHUT, {"of_account": account_id, "now_ms": now_ms})
    shut(tx, account_id, "account_deleted", now_ms)
    return erase_one(tx, account, _BY_HAND, hidden, hiding=hiding)


def erase_deleted(tx: Connection, now_ms: int, *, kept_days: int, keys: Keys, hiding: Hiding) -> int:
    """Erase a batch of accounts that were deleted longer ago than that; returns how many.

    One to which, or for which, a message waits or is in flight stays until that is over: the notice must go out, and
    what became of a message must be written somewhere.
    """
    rows = tx.execute(_DELETED, {"until": now_ms - kept_days * DAY_MS}).mappings().all()
    return sum(_erase_wholly(tx, as_account(row), _PROVED, keys, hiding) for row in rows)


def erase_unverified(tx: Connection, now_ms: int, *, kept_days: int, keys: Keys, hiding: Hiding) -> int:
    """Erase a batch of accounts whose address nobody proved in that time; returns how many.

    The time is counted from the last registration. Older ones must be pruned before, see `prune_unproved_candidates`.
    """
    until, count = now_ms - kept_days * DAY_MS, 0
    for row in tx.execute(_UNVERIFIED, {"until": until}).mappings().all():
        registered_at = tx.scalar(_A_CANDIDATE, {"of_account": row["id"]})
        if registered_at is None:
            count += _erase_wholly(tx, as_account(row), _UNPROVED, keys, hiding)
        elif registered_at >= until:
            # It began anew: or all that are registered again and again would stand before those that are not.
            tx.execute(_BEGAN, {"of_account": row["id"], "at": registered_at})
    return count


def prune_unproved_candidates(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Delete a batch of registrations whose address nobody proved in that time; returns how many."""
    return tx.execute(_PRUNE_CANDIDATES, {"until": now_ms - kept_days * DAY_MS}).rowcount


def _erase_wholly(tx: Connection, account: AccountRow, reach: Reach, keys: Keys, hiding: Hiding) -> bool:
    return erase_one(tx, account, reach, keys.hidden_addresses(account.address_key), hiding=hiding)
