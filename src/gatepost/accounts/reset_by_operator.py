"""Start a reset for somebody who cannot: the message goes to the account's own address, as if its owner had asked.

Whoever starts it learns no link and chooses no password.
"""

import uuid

from sqlalchemy import Connection

from gatepost.accounts import caps, tokens
from gatepost.accounts.account import AccountRow, take_by_id
from gatepost.accounts.gate import Gate
from gatepost.accounts.operators import WrittenTo, acted_on, write_down
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.audit.trail import Signature
from gatepost.errors import N_, ActionRefused, NoSuchAccount

START_RESET = "start_reset"

DISABLED_TEXT = N_("The account is disabled, so nothing is written to its owner: enable it first.")


async def start_reset(gate: Gate, account_id: uuid.UUID, by: Signature) -> WrittenTo:
    """Promise a reset message to an account's own address; the rows are those of a request by its owner.

    The same caps hold: one that is withheld is written, and says why. The link restores a deleted account.

    Args:
        gate: the parts.
        account_id: whose.
        by: who starts it, and why.

    Raises:
        NoSuchAccount: there is none with this id.
        ActionRefused: the account is disabled.
        TryLater: nothing was done, or nobody knows.
    """
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> WrittenTo:
        account = take_by_id(tx, account_id)
        if account is None:
            raise NoSuchAccount(f"there is no account with the id {account_id}")
        if (refusal := why_not(account)) is not None:
            raise ActionRefused(refusal)
        written = _promise(tx, gate, account, by, now_ms)
        write_down(tx, START_RESET, account, account, by, now_ms, result=written.message)
        return written

    written = await gate.database.write(work)
    gate.events.emit(acted_on(START_RESET, written, by))
    return written


def why_not(account: AccountRow) -> str | None:
    """Say why no reset is started for this account; None where it may be."""
    return None if account.disabled_at is None else DISABLED_TEXT


def _promise(tx: Connection, gate: Gate, account: AccountRow, by: Signature, now_ms: int) -> WrittenTo:
    template = str(Purpose.PASSWORD_RESET)
    address_key = account.address_key
    asked = caps.ask(tx, gate, account, {template: None}, address_key=address_key, client=None, now_ms=now_ms)
    withheld = asked[template]
    if withheld is None:
        tokens.void(tx, account.id, Purpose.PASSWORD_RESET, now_ms)  # only the newest link works
    stored = promise(
        tx,
        gate,
        Purpose.PASSWORD_RESET,
        account,
        address_key=address_key,
        skip=withheld,
        now_ms=now_ms,
        request_id=by.request_id,
    )
    return WrittenTo(account, stored.id, withheld)
