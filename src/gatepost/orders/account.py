"""Act on one account: correct its address, start a reset, end its sessions, disable and enable it."""

import uuid
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from gatepost.accounts.account import AccountRow
from gatepost.accounts.address_correction import correct_address
from gatepost.accounts.operators import AccountAction, WrittenTo, act_on_account
from gatepost.accounts.reset_by_operator import start_reset
from gatepost.audit.trail import Signature
from gatepost.clock import iso
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import id_in, text_in, word_in


class Change(StrEnum):
    """What may be done to an account."""

    DISABLE = "disable"
    ENABLE = "enable"
    END_SESSIONS = "end_sessions"
    CORRECT_ADDRESS = "correct_address"
    START_RESET = "start_reset"


async def account(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Act on the account with the id `account`.

    Args:
        desk: what is worked with.
        values: `account` and `action`, see `Change`; `session` with end_sessions where only that one ends; `email` with
            correct_address.
        by: who acts, and why.

    Returns:
        `account` as it is now, see `shown`; where its owner is written to also `message`, the id, and `withheld`, why
        it does not go out, or None.

    Raises:
        NoSuchAccount, NoSuchSession: there is none with this id.
        ActionRefused: the account is not one to which that may be done.
    """
    account_id, change = id_in(values, "account"), word_in(values, "action", Change)
    if change is Change.CORRECT_ADDRESS:
        return await _written(desk, await correct_address(desk.gate, account_id, text_in(values, "email"), by))
    if change is Change.START_RESET:
        return await _written(desk, await start_reset(desk.gate, account_id, by))
    session_id: uuid.UUID | None = None if values.get("session") is None else id_in(values, "session")
    acted = await act_on_account(desk.gate, AccountAction(str(change)), account_id, by, session_id=session_id)
    return {"account": shown(acted)}


def shown(row: AccountRow) -> dict[str, Any]:
    """Write an account as JSON has it, as GET /accounts answers it."""
    values = {name: value for name, value in asdict(row).items() if name != "address_key"}
    instants = {name: None if value is None else iso(value) for name, value in values.items() if name.endswith("_at")}
    return values | instants | {"id": str(row.id)}


async def _written(desk: OrderDesk, written: WrittenTo) -> dict[str, Any]:
    await desk.ring()
    return {"account": shown(written.account), "message": str(written.message), "withheld": written.withheld}
