"""That a mailed link was opened, and by whom it seems: one fact for each token and kind of opener, the first time.

It changes no account and no token, and decides nothing: programs that look at mail open its links as well. Nothing is
written of where from, or with what. See docs/decisions/0039-opened-links.md.
"""

import functools
import hmac
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Text, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.accounts import tokens
from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import link_opens
from gatepost.accounts.tables import tokens as tokens_table
from gatepost.accounts.tokens import Presented, Purpose
from gatepost.database.batch import in_batch
from gatepost.database.columns import Instant
from gatepost.errors import BadToken, NotStarted, TryLater
from gatepost.events import LinkOpened

DAY_MS = 24 * 3600 * 1000
PRUNE_BATCH = 500
REMEMBERED = 10_000
# A stranger can ask for as many pages as there is room for: beyond this some opened links are not noted.
MAX_AT_ONCE = 16


class Opener(StrEnum):
    """Who seems to have opened a link."""

    PERSON = "person"
    SCANNER = "scanner"  # a program: it looks for malware, or makes a preview


@dataclass(frozen=True)
class Open:
    """That a link was opened.

    Args:
        opener: "person" or "scanner".
        opened_at: the first time, in milliseconds.
    """

    opener: str
    opened_at: int


_OF_TOKEN = (
    select(link_opens.c.opener, link_opens.c.opened_at)
    .where(link_opens.c.token_id == bindparam("of_id"))
    .order_by(link_opens.c.opened_at)
)
_FIND = select(tokens_table.c.account_id, tokens_table.c.address_key, tokens_table.c.key_id).where(
    tokens_table.c.id == bindparam("of_id")
)
_OLD = (
    select(link_opens.c.token_id)
    .where(link_opens.c.opened_at < bindparam("kept_since"))
    .order_by(link_opens.c.opened_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(link_opens).where(
    in_batch(link_opens.c.token_id, _OLD), link_opens.c.opened_at < bindparam("kept_since")
)


def opens_of(connection: Connection, token_id: bytes) -> list[Open]:
    """Return who opened the link of a token, in the order in which they came: at most one of each kind."""
    return [Open(row.opener, row.opened_at) for row in connection.execute(_OF_TOKEN, {"of_id": token_id})]


class LinkOpens:
    """Notes which links were opened.

    Args:
        gate: the parts of the account flows.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._noted: OrderedDict[tuple[bytes, Opener], None] = OrderedDict()
        self._under_way = 0

    async def note(self, purpose: Purpose, token: str, opener: Opener, *, request_id: str) -> None:
        """Write down that somebody opened the page a mailed link leads to; what cannot be written is let go.

        Args:
            purpose: what the links to this page are for.
            token: as it came; only one of ours leaves anything behind, whether it is still good or not.
            opener: who it seems to be.
            request_id: the request's.
        """
        try:
            presented = tokens.parse(token)
        except BadToken:
            return
        if (presented.id, opener) in self._noted or self._under_way >= MAX_AT_ONCE:
            return
        self._under_way += 1
        try:
            await self._note(purpose, presented, token, opener, request_id)
        except (TryLater, NotStarted):
            return  # whoever opened the link has the page; that this is not known hurts nobody
        finally:
            self._under_way -= 1

    async def _note(self, purpose: Purpose, presented: Presented, token: str, opener: Opener, request_id: str) -> None:
        keys, now_ms = self._gate.keys, self._gate.clock.now_ms()
        account_id = await self._gate.database.read(
            lambda connection: _whose(connection, keys, purpose, presented.id, token)
        )
        if account_id is None:
            return
        values = {"of_id": presented.id, "opener": str(opener), "now_ms": now_ms}
        is_first = await self._gate.database.write(
            lambda tx: tx.execute(_insert(tx.dialect.name), values).rowcount == 1
        )
        self._remember(presented.id, opener)
        if is_first:
            self._gate.events.emit(
                LinkOpened(request_id=request_id, purpose=purpose, opener=opener, account_id=str(account_id))
            )

    def _remember(self, token_id: bytes, opener: Opener) -> None:
        self._noted[token_id, opener] = None
        while len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)


def prune_link_opens(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Delete a batch of what is older than messages are kept; returns how many."""
    return tx.execute(_PRUNE, {"kept_since": now_ms - kept_days * DAY_MS, "at_most": PRUNE_BATCH}).rowcount


def _whose(connection: Connection, keys: Keys, purpose: Purpose, token_id: bytes, token: str) -> uuid.UUID | None:
    """Whose account a token is of, if it is one of ours and for this; it need not be good any more."""
    row = connection.execute(_FIND, {"of_id": token_id}).one_or_none()
    if row is None or row.account_id is None:
        return None
    # The purpose asked for, not the row's: a link to another page has another MAC.
    made = tokens.mailed(keys, row.key_id, token_id, purpose, row.account_id, row.address_key)
    return row.account_id if made is not None and hmac.compare_digest(made, token) else None


@functools.cache
def _insert(dialect: str) -> postgresql.Insert | sqlite.Insert:
    statement = postgresql.insert(link_opens) if dialect == "postgresql" else sqlite.insert(link_opens)
    # From the token's row: with an account that is erased meanwhile nothing is written.
    seen = select(tokens_table.c.id, bindparam("opener", type_=Text), bindparam("now_ms", type_=Instant)).where(
        tokens_table.c.id == bindparam("of_id")
    )
    return statement.from_select(["token_id", "opener", "opened_at"], seen).on_conflict_do_nothing()
