"""Promise a message that carries a token, or write the rows of one that will never go out: always the same ones."""

from collections.abc import Callable

from sqlalchemy import Connection

from gatepost.accounts import messages, tokens
from gatepost.accounts.account import AccountRow
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.tokens import Purpose
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import Enqueued, enqueue

_DRAFTS: dict[Purpose, Callable[[messages.To, bytes], Draft]] = {
    Purpose.VERIFICATION: messages.verification,
    Purpose.PASSWORD_RESET: messages.password_reset,
}


def promise(
    tx: Connection,
    gate: Gate,
    purpose: Purpose,
    account: AccountRow | None,
    *,
    address_key: str,
    skip: str | None,
    now_ms: int,
    request_id: str | None,
    client: Client | None = None,
) -> Enqueued:
    """Write one token and one message. Whether it may go out is asked before; see caps.py.

    Args:
        tx: the transaction.
        gate: the parts.
        purpose: what the token is for; says which message carries it.
        account: whose; None for an address without one, which is then kept only as a keyed hash.
        address_key: the address asked for.
        skip: why nothing goes out; the token is void then and the message cancelled.
        now_ms: wall time in milliseconds.
        request_id: the request that asked for it, where there was one.
        client: who asked; the message says from where, roughly.
    """
    token_id = tokens.issue(
        tx,
        gate.keys,
        purpose,
        account_id=account.id if account else None,
        address_key=account.address_key if account else gate.keys.hidden_address(address_key),
        now_ms=now_ms,
        void=skip is not None,
    )
    # An account that nobody has proved may carry a stranger's name.
    proved = account is not None and account.verified_at is not None
    to = messages.addressee(gate.keys, account, address_key, request_id, with_name=proved, client=client)
    return enqueue(tx, _DRAFTS[purpose](to, token_id), now_ms=now_ms, domain=gate.message_id_domain, skip=skip)
