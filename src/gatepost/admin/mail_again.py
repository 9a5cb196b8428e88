"""A mail as it looked: made again from its row, by the templates of today, with every secret masked.

What went out is not kept, and the link in it was made for one moment: neither can be shown to anybody.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, bindparam, select

from gatepost.accounts.messages import MASK
from gatepost.admin.house import House
from gatepost.clock import minute
from gatepost.mail.preview import Parts, parts_of
from gatepost.mail.unsubscribe import page_of
from gatepost.outbox.tables import messages

# The same in the header field that holds the link to unsubscribe: that is ASCII.
_MASK_IN_FIELDS = "***"
# Its own styles and pictures in data: addresses; nothing runs, nothing is fetched, and nothing in it leads anywhere.
MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox"
)


@dataclass(frozen=True)
class Kept:
    """What a row keeps of its mail; `recipient` is None for an address nobody has an account for."""

    id: uuid.UUID
    template: str
    locale: str
    recipient: str | None
    recipient_key: str
    message_id: str
    created_at: int
    settled_at: int | None
    security: bool
    values: Mapping[str, str] = field(repr=False)


_ROW = select(
    messages.c.id,
    messages.c.template,
    messages.c.locale,
    messages.c.recipient,
    messages.c.recipient_key,
    messages.c.message_id,
    messages.c.created_at,
    messages.c.settled_at,
    messages.c.security,
    messages.c.template_values,
).where(messages.c.id == bindparam("of_id"))


def read_kept(connection: Connection, message_id: uuid.UUID) -> Kept | None:
    """Read what a row keeps of its mail; None when there is none with this id."""
    row = connection.execute(_ROW, {"of_id": message_id}).one_or_none()
    return None if row is None else Kept(*row[:8], bool(row.security), json.loads(row.template_values))


def made_again(house: House, kept: Kept) -> Parts:
    """Make a mail again.

    Raises:
        TemplateError: its template is there no more, or has changed and wants what the row does not have.
        ComposeError: it has no recipient that can be written to, or cannot be written for another reason.
    """
    link = house.masked_link(kept.template)
    unsubscribe = "" if kept.security else f"{page_of(house.web.settings.public_url)}{_MASK_IN_FIELDS}"
    composed = house.web.composer.compose(
        template=kept.template,
        locale=kept.locale,
        recipient=kept.recipient or "",
        message_id=kept.message_id,
        values={"when": minute(kept.created_at), **kept.values, **({"link": link} if link else {})},
        now_ms=kept.created_at if kept.settled_at is None else kept.settled_at,
        row_id=kept.id,
        unsubscribe_url=unsubscribe,
    )
    parts = parts_of(composed.content)
    if not unsubscribe:
        return parts
    shown = f"{unsubscribe.removesuffix(_MASK_IN_FIELDS)}{MASK}"
    return replace(parts, text=parts.text.replace(unsubscribe, shown), html=parts.html.replace(unsubscribe, shown))
