"""All that is stored about one account, and how it goes: a bounded number of rows at a time, the account last."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, or_, select

from gatepost.accounts.account import AccountRow
from gatepost.accounts.tables import accounts, address_changes, candidates, link_opens, tokens
from gatepost.audit.trail import forget_reasons
from gatepost.database.batch import among, in_batch
from gatepost.outbox.tables import WAS_MEANT_TO_GO_OUT, messages
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.lift import hide

# Of one account, in one transaction: a stranger can cause many.
ROWS_AT_ONCE = 500

_OF = bindparam("of_account", type_=accounts.c.id.type)
_AT_MOST: Any = bindparam("at_most")

_DELETE_ACCOUNT = delete(accounts).where(accounts.c.id == _OF)
_ELSEWHERE = select(accounts.c.address_key).where(among(accounts.c.address_key, "of_keys"))
_DELETE_MESSAGES = delete(messages).where(among(messages.c.id, "of_ids"))
# What another account's link to this address, or from it, left behind.
_OF_TOKENS = (
    delete(address_changes).where(among(address_changes.c.confirm_token, "of_ids")),
    delete(address_changes).where(among(address_changes.c.undo_token, "of_ids")),
    delete(tokens).where(among(tokens.c.id, "of_ids")),
    delete(link_opens).where(among(link_opens.c.token_id, "of_ids")),
)
_CHANGES = (
    select(address_changes.c.id, address_changes.c.old_key, address_changes.c.new_key)
    .where(address_changes.c.account_id == _OF)
    .order_by(address_changes.c.created_at)
    .limit(_AT_MOST)
)
_DELETE_CHANGES = delete(address_changes).where(among(address_changes.c.id, "of_ids"))
# Nothing else finds them once their tokens are gone; those whose message is there go with it.
_DELETE_OPENS = delete(link_opens).where(
    in_batch(
        link_opens.c.token_id,
        select(link_opens.c.token_id)
        .join(tokens, tokens.c.id == link_opens.c.token_id)
        .where(tokens.c.account_id == _OF)
        .limit(_AT_MOST),
    )
)
# They would go with the account, and all at once.
_MANY = tuple(
    delete(table).where(in_batch(table.c.id, select(table.c.id).where(table.c.account_id == _OF).limit(_AT_MOST)))
    for table in (tokens, candidates)
)


@dataclass(frozen=True)
class Reach:
    """Which messages go with an account. What a worker has in hand never does.

    Args:
        waiting: also those that still wait to go out.
        of_others: also what other accounts caused to be written to its address.
    """

    waiting: bool
    of_others: bool

    def delete(
        self, tx: Connection, account_id: uuid.UUID, address_keys: Sequence[str], further_keys: Sequence[str]
    ) -> bool:
        """Delete some of them; returns whether none is left.

        Args:
            tx: the transaction.
            account_id: whose.
            address_keys: of the account's address, also as they stand where nobody has it.
            further_keys: of addresses it once had or wanted; they may be somebody else's.
        """
        which = {
            "of_account": account_id,
            "of_keys": list(address_keys),
            "further_keys": list(further_keys),
            "at_most": ROWS_AT_ONCE,
        }
        several = self._found if further_keys else self._found[:-1]
        for found in several:
            _delete_messages(tx, tx.execute(self._idle(found), which).all())
        return all(tx.execute(found.limit(1), which).first() is None for found in several)

    @cached_property
    def _found(self) -> tuple[Select[Any], ...]:
        # What never was to go out no index finds by its account, only by its address. In the order of the indexes: of
        # an account with many messages PostgreSQL thinks that it meets some soon, and reads the table.
        row = select(messages.c.id, messages.c.token_id)
        by_key = row.order_by(messages.c.recipient_key, messages.c.id)
        theirs = messages.c.account_id == _OF
        to_address = by_key.where(among(messages.c.recipient_key, "of_keys"))
        return (
            row.where(theirs, WAS_MEANT_TO_GO_OUT).order_by(messages.c.template, messages.c.created_at),
            to_address if self.of_others else to_address.where(or_(theirs, messages.c.account_id.is_(None))),
            by_key.where(theirs, among(messages.c.recipient_key, "further_keys")),
        )

    def _idle(self, found: Select[Any]) -> Select[Any]:
        idle = found.where(messages.c.owner.is_(None))
        if not self.waiting:
            idle = idle.where(messages.c.due_at.is_(None))
        return idle.limit(_AT_MOST).with_for_update(skip_locked=True)


def erase_one(
    tx: Connection, account: AccountRow, reach: Reach, hidden: Sequence[str] = (), *, hiding: Hiding | None = None
) -> bool:
    """Delete an account and what is stored about it; returns whether it is gone.

    Args:
        tx: the transaction; it has taken the account.
        account: which.
        reach: which messages go with it.
        hidden: the keyed hashes under which its address stands in messages to nobody.
        hiding: what hides whose the suppressions are of addresses that nobody has from then on; the account stays as
            long as anything of it does. None where somebody else takes its address over now: it goes as it is.
    """
    which = {"of_account": account.id, "at_most": ROWS_AT_ONCE}
    changes = tx.execute(_CHANGES, which).all()
    further = {key for change in changes for key in change[1:]} - {account.address_key}
    gone = reach.delete(tx, account.id, [account.address_key, *hidden], sorted(further))
    if hiding is not None:
        if not gone:
            return False
        if changes:
            tx.execute(_DELETE_CHANGES, {"of_ids": [change.id for change in changes]})
            _hide_of_nobody(tx, hiding, further)
        if tx.execute(_DELETE_OPENS, which).rowcount >= ROWS_AT_ONCE:
            return False
        if ROWS_AT_ONCE in (len(changes), *(tx.execute(many, which).rowcount for many in _MANY)):
            return False
        hide(tx, hiding, account.address_key)
    forget_reasons(tx, [account.id])
    tx.execute(_DELETE_ACCOUNT, which)
    return True


def _hide_of_nobody(tx: Connection, hiding: Hiding, address_keys: set[str]) -> None:
    theirs = set(tx.execute(_ELSEWHERE, {"of_keys": sorted(address_keys)}).scalars())
    for key in sorted(address_keys - theirs):
        hide(tx, hiding, key)


def _delete_messages(tx: Connection, rows: Sequence[Any]) -> None:
    if not rows:
        return
    message_ids = [row.id for row in rows]
    forget_reasons(tx, message_ids)
    tx.execute(_DELETE_MESSAGES, {"of_ids": message_ids})
    token_ids = [row.token_id for row in rows if row.token_id is not None]
    if token_ids:
        for statement in _OF_TOKENS:
            tx.execute(statement, {"of_ids": token_ids})
