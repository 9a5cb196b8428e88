"""Everything the page of a message shows, read at once: it costs the same however many messages there are."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from gatepost.accounts.account import COLUMNS, AccountRow, as_account
from gatepost.accounts.tables import accounts
from gatepost.admin.mail_again import Kept, read_kept
from gatepost.explain.story import Story, read_story
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.page import SuppressionRow, of_address

_ACCOUNT = select(*COLUMNS).where(accounts.c.id == bindparam("of_id"))


@dataclass(frozen=True)
class Seen:
    """One message: what happened to it, what is kept of its mail, whose it is, and what stops mail to its recipient."""

    story: Story
    kept: Kept
    account: AccountRow | None
    suppressions: Sequence[SuppressionRow]


def read_seen(connection: Connection, message_id: uuid.UUID, *, hiding: Hiding, now_ms: int) -> Seen | None:
    """Read it; None when there is none with this id.

    Args:
        connection: a reading connection.
        message_id: which message.
        hiding: finds suppressions of an address however it stands there.
        now_ms: wall time in milliseconds; suppressions that have ended by then are left out.
    """
    story, kept = read_story(connection, message_id), read_kept(connection, message_id)
    if story is None or kept is None:
        return None
    found = connection.execute(_ACCOUNT, {"of_id": story.message.account_id}).mappings().one_or_none()
    suppressions = [] if kept.recipient is None else of_address(connection, hiding.forms(kept.recipient_key))
    return Seen(
        story,
        kept,
        None if found is None else as_account(found),
        [one for one in suppressions if one.expires_at is None or one.expires_at > now_ms],
    )
