"""Delete an account: at once for everybody, for good some days later. Nothing about it remains then."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from gatepost.accounts import messages, tokens
from gatepost.accounts.account import COLUMNS, AccountRow, as_account
from gatepost.accounts.client import Client
from gatepost.accounts.erasing import Reach, erase_one
from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.password_change import prove_password, write_proved
from gatepost.accounts.sessions import Current, end_all
from gatepost.accounts.tables import accounts
from gatepost.clock import minute
from gatepost.events import AccountDeleted, SignedOut
from gatepost.outbox.cancel import cancel_of_account
from gatepost.outbox.enqueue import Enqueued, enqueue

DAY_MS = 24 * 3600 * 1000

_SHUT = update(accounts).where(accounts.c.id == bindparam("of_account")).values(deleted_at=bindparam("now_ms"))
_TAKE = select(*COLUMNS).where(accounts.c.id == bindparam("of_account")).with_for_update()
_NOW = Reach(waiting=True, of_others=False)


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
        ended = shut(tx, account.id, "account_deleted", now_ms)
        to = messages.To(
            account.email, account.address_key, account.id, account.name, account.locale, request_id, where
        )
        notice = messages.account_deleted(to, until=until)
        return ended, enqueue(tx, notice, now_ms=now_ms, domain=gate.message_id_domain)

    ended, notice = await write_proved(gate, current, proved_hash, work, request_id=request_id)
    account_id = str(current.account.id)
    gate.events.emit(AccountDeleted(request_id=request_id, account_id=account_id, messages=(str(notice.id),)))
    gate.events.emit(SignedOut(request_id=request_id, account_id=account_id, reason="account_deleted", count=ended))


def shut(tx: Connection, account_id: uuid.UUID, reason: str, now_ms: int) -> int:
    """End every session, void every token, cancel what waits; returns how many sessions there were.

    Args:
        tx: the transaction; it has taken the account.
        account_id: whose.
        reason: for the messages.
        now_ms: wall time in milliseconds.
    """
    cancel_of_account(tx, account_id, reason, now_ms)  # before the tokens: so each says the reason, not `superseded`
    tokens.void(tx, account_id, tokens.EVERY, now_ms)
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
            count += erase_one(tx, as_account(row), _NOW, wholly=False)
    return count


def erase_deleted(tx: Connection, now_ms: int, *, kept_days: int, keys: Keys) -> int:
    """Erase a batch of accounts that were deleted longer ago than that; returns how many."""
    raise NotImplementedError


def erase_unverified(tx: Connection, now_ms: int, *, kept_days: int, keys: Keys) -> int:
    """Erase a batch of accounts whose address nobody proved in that time; returns how many."""
    raise NotImplementedError
