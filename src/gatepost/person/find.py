"""Everything an address stands as, and which messages are about it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, union

from gatepost.accounts.account import COLUMNS, AccountRow, as_account
from gatepost.accounts.tables import accounts
from gatepost.database.batch import among
from gatepost.outbox.tables import WAS_MEANT_TO_GO_OUT, messages

NOBODY = uuid.UUID(int=0)


@dataclass(frozen=True)
class Whose:
    """An address, in every form in which something is stored about it.

    Args:
        address: as it was typed.
        key: its address key.
        hidden: the keyed hashes under which messages stand that were about the address while nobody had an account.
        suppressed: everything it may stand as in a suppression, the key first; see `Hiding.forms`.
    """

    address: str
    key: str
    hidden: Sequence[str]
    suppressed: Sequence[str]

    @property
    def keys(self) -> list[str]:
        """What messages are found by."""
        return [self.key, *self.hidden]


_ACCOUNT = select(*COLUMNS).where(accounts.c.address_key == bindparam("of_key"))
_AFTER = messages.c.id > bindparam("after")
_TO = select(messages.c.id).where(among(messages.c.recipient_key, "of_keys"), _AFTER).order_by(messages.c.id)
_BY = (
    select(messages.c.id)
    .where(messages.c.account_id == bindparam("of_account"), WAS_MEANT_TO_GO_OUT, _AFTER)
    .order_by(messages.c.id)
)


def find_account(connection: Connection, whose: Whose) -> AccountRow | None:
    """Return the account that has the address now."""
    row = connection.execute(_ACCOUNT, {"of_key": whose.key}).mappings().one_or_none()
    return None if row is None else as_account(row)


def message_ids(
    connection: Connection, whose: Whose, account_id: uuid.UUID | None, *, after: uuid.UUID, limit: int
) -> list[uuid.UUID]:
    """Return messages to the address, and to whatever other one the account had, in the order of their ids.

    Args:
        connection: a connection.
        whose: the address.
        account_id: of the account that has it.
        after: the last one of the page before.
        limit: how many.
    """
    which = {"of_keys": whose.keys, "of_account": account_id or NOBODY, "after": after}
    found = union(*(select(some.limit(limit).subquery().c.id) for some in (_TO, _BY))).subquery()
    page = select(found.c.id).order_by(found.c.id).limit(limit)
    return list(connection.execute(page, which).scalars())


def count_messages(connection: Connection, whose: Whose, account_id: uuid.UUID | None) -> tuple[int, int]:
    """Return how many messages there are, and how many of them a worker has at this moment."""
    which = {"of_keys": whose.keys, "of_account": account_id or NOBODY, "after": NOBODY}
    theirs = union(*(select(some.order_by(None).subquery().c.id) for some in (_TO, _BY))).subquery()
    query: Any = select(func.count(), func.count(messages.c.owner)).where(messages.c.id.in_(select(theirs.c.id)))
    total, in_flight = connection.execute(query, which).one()
    return total, in_flight
