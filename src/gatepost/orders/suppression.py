"""Suppress an address, and lift a suppression."""

from dataclasses import asdict
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.clock import iso
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import id_in, number_in, text_in, word_in
from gatepost.suppression.by_hand import MAX_EXPIRES_IN_DAYS, ByHand, Wanted
from gatepost.suppression.page import SuppressionRow
from gatepost.suppression.reason import Scope


async def suppress(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Suppress an address.

    Args:
        desk: what is worked with.
        values: `address`; `scope` and `expires_in_days` may be missing.
        by: who does it and why.

    Returns:
        The suppression as it stands; see `shown`.
    """
    wanted = Wanted(
        text_in(values, "address"),
        word_in(values, "scope", Scope, default=Scope.ALL),
        number_in(values, "expires_in_days", least=1, most=MAX_EXPIRES_IN_DAYS),
    )
    return shown(await _by_hand(desk).add(wanted, by))


async def lift(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Lift the suppression with the id `suppression`.

    Returns:
        `id`, `address` (None of an erased person) and `reason` of what is gone.

    Raises:
        NoSuchSuppression: there is none with this id.
    """
    id = id_in(values, "suppression")
    lifted = await _by_hand(desk).lift(id, by)
    return {"id": str(lifted.id), "address": lifted.address, "reason": str(lifted.reason)}


def shown(row: SuppressionRow) -> dict[str, Any]:
    """Write a suppression as JSON has it, as GET /mail/suppressions answers it."""
    values = {name: value for name, value in asdict(row).items() if name != "address_key"}
    instants = {
        name: None if values[name] is None else iso(values[name])
        for name in ("created_at", "expires_at", "let_through_at")
    }
    ids = {name: None if values[name] is None else str(values[name]) for name in ("id", "message")}
    return values | instants | ids


def _by_hand(desk: OrderDesk) -> ByHand:
    return ByHand(desk.write, desk.clock, desk.events, desk.hiding)
