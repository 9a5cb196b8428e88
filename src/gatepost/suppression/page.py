"""Read suppressions: pages of them, and those of one address. Changes nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from gatepost.suppression.hiding import Hiding, is_hidden
from gatepost.suppression.reason import Reason
from gatepost.suppression.tables import suppressions

MAX_PAGE = 200

_LAST_ID = uuid.UUID(int=2**128 - 1)


@dataclass(frozen=True)
class SuppressionRow:
    """One suppression. Instants are milliseconds since the epoch; `address` is None of an erased person.

    `expires_at` is None until it is lifted; `let_through_at` is when the last reset went out in spite of it.
    """

    id: uuid.UUID
    address_key: str
    address: str | None
    scope: str
    reason: str
    source: str
    detail: str | None
    message: uuid.UUID | None
    created_at: int
    expires_at: int | None
    let_through_at: int | None

    @property
    def is_hidden(self) -> bool:
        """Whether only who asks for the address finds out whose it is."""
        return is_hidden(self.address_key)


_ROW = [suppressions.c[name] for name in SuppressionRow.__dataclass_fields__]


def page(
    connection: Connection,
    hiding: Hiding,
    *,
    recipient_key: str | None = None,
    reason: Reason | None = None,
    before: uuid.UUID | None = None,
    limit: int = 50,
) -> list[SuppressionRow]:
    """Return suppressions, newest first, at most MAX_PAGE; also those that have ended and are not deleted yet.

    What it costs grows with `limit`; where a reason is asked for that is rare, with how many there are.

    Args:
        connection: a reading connection.
        hiding: finds also the hidden ones of an address.
        recipient_key: only of this address key.
        reason: only for this reason.
        before: only older than this one: the last one of the page before.
        limit: how many.
    """
    query = select(*_ROW).where(suppressions.c.id < (before or _LAST_ID)).order_by(suppressions.c.id.desc())
    if recipient_key is not None:
        query = query.where(suppressions.c.address_key.in_(hiding.forms(recipient_key)))
    if reason is not None:
        query = query.where(suppressions.c.reason == str(reason))
    return [SuppressionRow(**row._mapping) for row in connection.execute(query.limit(min(limit, MAX_PAGE)))]


def find(connection: Connection, suppression_id: uuid.UUID) -> SuppressionRow | None:
    """Return one suppression; None when there is none with this id."""
    row = connection.execute(select(*_ROW).where(suppressions.c.id == suppression_id)).one_or_none()
    return None if row is None else SuppressionRow(**row._mapping)


def of_address(connection: Connection, forms: Sequence[str]) -> list[SuppressionRow]:
    """Return every suppression of an address, the oldest first; for `forms` see `Hiding.forms`."""
    query = select(*_ROW).where(suppressions.c.address_key.in_(forms)).order_by(suppressions.c.id)
    return [SuppressionRow(**row._mapping) for row in connection.execute(query)]
