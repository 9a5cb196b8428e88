"""Let an address be written to again, and hide whose a suppression is."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select
from sqlalchemy.sql.dml import ReturningDelete

from gatepost.audit.trail import Deed, Signature, forget_reasons, record
from gatepost.database.batch import among
from gatepost.errors import NoSuchSuppression
from gatepost.events import SuppressionLifted
from gatepost.mail.address import mask_address
from gatepost.suppression.hiding import Hiding, is_hidden
from gatepost.suppression.reason import BOUNCES, Reason, Scope
from gatepost.suppression.suppress import put
from gatepost.suppression.tables import soft_bounces, suppressions


@dataclass(frozen=True)
class Lifted:
    """A suppression that is gone. `address` is None of an erased person."""

    id: uuid.UUID
    address_key: str
    address: str | None
    scope: Scope
    reason: Reason

    def event(self, source: str, request_id: str | None = None) -> SuppressionLifted:
        """Make the event of it, to be told once it is durable."""
        return SuppressionLifted(
            suppression=str(self.id),
            recipient=mask_address(self.address or ""),
            reason=str(self.reason),
            source=source,
            request_id=request_id,
        )


_LIFTED = [suppressions.c[name] for name in Lifted.__dataclass_fields__]
_LIFT: ReturningDelete[Any] = delete(suppressions).where(suppressions.c.id == bindparam("of_id")).returning(*_LIFTED)
# In the order in which everybody takes several: two that do so at once never wait for each other in a circle.
_TAKE: Select[Any] = (
    select(suppressions)
    .where(among(suppressions.c.address_key, "of_forms"))
    .order_by(suppressions.c.id)
    .with_for_update()
)
_TAKE_BOUNCES = _TAKE.where(suppressions.c.reason.in_(sorted(BOUNCES)))
_DELETE = delete(suppressions).where(among(suppressions.c.id, "of_ids"))
_FORGET_SOFT = delete(soft_bounces).where(among(soft_bounces.c.address_key, "of_keys"))


def lift(tx: Connection, suppression_id: uuid.UUID) -> Lifted:
    """Delete a suppression; what was counted against the address goes with one for bounces.

    Raises:
        NoSuchSuppression: there is none with this id (any more).
    """
    row = tx.execute(_LIFT, {"of_id": suppression_id}).one_or_none()
    if row is None:
        raise NoSuchSuppression(f"there is no suppression with the id {suppression_id}")
    lifted = _lifted(row)
    if lifted.reason in BOUNCES:
        tx.execute(_FORGET_SOFT, {"of_keys": [lifted.address_key]})
    return lifted


def lift_bounces(tx: Connection, hiding: Hiding, address_key: str, *, by: Signature, now_ms: int) -> tuple[Lifted, ...]:
    """Delete every suppression of an address that a mailbox which works disproves, and write down who did.

    Args:
        tx: the transaction that learned that mail arrives.
        hiding: hides addresses.
        address_key: whose.
        by: who is written down as having lifted it.
        now_ms: wall time in milliseconds.
    """
    found = tx.execute(_TAKE_BOUNCES, {"of_forms": hiding.forms(address_key)}).all()
    if not found:
        return ()
    lifted = tuple(_lifted(row) for row in found)
    tx.execute(_DELETE, {"of_ids": [one.id for one in lifted]})
    tx.execute(_FORGET_SOFT, {"of_keys": [address_key]})
    for one in lifted:
        record(tx, one.id, deed_of_lifting(one, by, now_ms))
    return lifted


def deed_of_lifting(lifted: Lifted, by: Signature, now_ms: int) -> Deed:
    """Make what stands in `audit` of a suppression that was lifted; its subject is the suppression."""
    return by.deed("lift", now_ms, before=str(lifted.reason))


def hide(tx: Connection, hiding: Hiding, address_key: str) -> int:
    """Put the hidden form in an address's place, so that the mail stays stopped and nobody can read whose it was.

    Address, detail and message go, and what operators gave as reasons; so do the single soft bounces, which stop
    nothing. Returns how many suppressions there were.
    """
    if is_hidden(address_key):
        return 0
    rows: Sequence[Any] = tx.execute(_TAKE, {"of_forms": [address_key]}).mappings().all()
    if rows:
        forget_reasons(tx, [row["id"] for row in rows])
        tx.execute(_DELETE, {"of_ids": [row["id"] for row in rows]})
    for row in rows:
        nobody = {"address_key": hiding.hide(address_key), "address": None, "detail": None, "message": None}
        put(tx, {**row, **nobody})
    tx.execute(_FORGET_SOFT, {"of_keys": [address_key]})
    return len(rows)


def _lifted(row: Any) -> Lifted:
    return Lifted(row.id, row.address_key, row.address, Scope(row.scope), Reason(row.reason))
