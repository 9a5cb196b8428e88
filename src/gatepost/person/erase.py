"""Erase everything about one address, a bounded number of rows in a transaction; safe to repeat at any point.

Suppressions stay as keyed hashes: who is erased must not be written to all the same. That an operator did something
stays, without the words.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, or_, select

from gatepost.accounts.deletion import erase_by_hand
from gatepost.accounts.erasing import Reach
from gatepost.accounts.tables import address_changes, link_opens, tokens
from gatepost.audit.trail import Deed, Signature, forget_reasons_naming, record
from gatepost.database.batch import among
from gatepost.database.columns import new_row_id
from gatepost.feedback.forgetting import forget_recipient
from gatepost.mail.address import parse_address
from gatepost.person.find import NOBODY, Whose, count_messages, find_account
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.lift import hide

_EVERYTHING = Reach(waiting=True, of_others=True)

# Neither is found by an index: there are few of the first, and this is the command line's alone.
_CHANGES = select(address_changes.c.id, address_changes.c.confirm_token, address_changes.c.undo_token).where(
    or_(address_changes.c.old_key == bindparam("of_key"), address_changes.c.new_key == bindparam("of_key"))
)
_OF_ACCOUNT = select(address_changes.c.old_email, address_changes.c.new_email).where(
    address_changes.c.account_id == bindparam("of_account"),
    or_(address_changes.c.old_key != bindparam("of_key"), address_changes.c.new_key != bindparam("of_key")),
)
_DELETE_CHANGES = delete(address_changes).where(among(address_changes.c.id, "of_ids"))
_DELETE_OPENS = delete(link_opens).where(among(link_opens.c.token_id, "of_ids"))
_DELETE_OPENS_TO = delete(link_opens).where(
    link_opens.c.token_id.in_(select(tokens.c.id).where(among(tokens.c.address_key, "of_keys")))
)
_DELETE_LINKS = delete(tokens).where(among(tokens.c.id, "of_ids"))
_DELETE_LINKS_TO = delete(tokens).where(among(tokens.c.address_key, "of_keys"))


@dataclass(frozen=True)
class Piece:
    """What one transaction did.

    Args:
        messages: how many it deleted.
        in_flight: how many a worker has at this moment; they stay, and with them the account.
        account: the account that has, or had, the address.
        gone: whether that account is gone.
        more: whether there is more to delete that nobody has in hand.
        other_addresses: what else that account had, or wanted, as its address. It may be somebody else's by now.
    """

    messages: int
    in_flight: int
    account: uuid.UUID | None
    gone: bool
    more: bool
    other_addresses: frozenset[str]


def erase_piece(tx: Connection, whose: Whose, hiding: Hiding, now_ms: int) -> Piece:
    """Shut the account, and delete some of what belongs to it and of the messages to the address."""
    account = find_account(tx, whose)
    account_id = None if account is None else account.id
    others = _other_addresses(tx, whose, account_id)
    before, _ = count_messages(tx, whose, account_id)
    if account is not None:
        gone = erase_by_hand(tx, account.id, whose.hidden, hiding, now_ms)
    else:
        gone = _EVERYTHING.delete(tx, NOBODY, whose.keys, ())
    left, in_flight = count_messages(tx, whose, account_id)
    more = left > in_flight or not (gone or in_flight)
    return Piece(before - left, in_flight, account_id, gone, more, others)


def erase_the_rest(tx: Connection, whose: Whose, hiding: Hiding, by: Signature, now_ms: int) -> None:
    """Delete what stands about the address elsewhere, hide its suppressions, and write down who did it."""
    changes = tx.execute(_CHANGES, {"of_key": whose.key}).all()
    if changes:
        tx.execute(_DELETE_CHANGES, {"of_ids": [change.id for change in changes]})
        links = {"of_ids": [link for change in changes for link in change[1:]]}
        tx.execute(_DELETE_OPENS, links)
        tx.execute(_DELETE_LINKS, links)
    tx.execute(_DELETE_OPENS_TO, {"of_keys": whose.keys})
    tx.execute(_DELETE_LINKS_TO, {"of_keys": whose.keys})
    hide(tx, hiding, whose.key)
    forget_reasons_naming(tx, whose.key)
    forget_recipient(tx, [whose.key])
    deed = Deed(
        at=now_ms,
        actor=by.actor,
        action="erase",
        result=None,
        state_before=None,
        state_after=None,
        reason=None,  # it would say who
        request_id=by.request_id,
    )
    record(tx, new_row_id(), deed)  # of nothing: its subject is gone


def _other_addresses(tx: Connection, whose: Whose, account_id: uuid.UUID | None) -> frozenset[str]:
    which = {"of_account": account_id or NOBODY, "of_key": whose.key}
    found = {address for row in tx.execute(_OF_ACCOUNT, which) for address in row}
    return frozenset(one for one in found if parse_address(one).key != whose.key)
