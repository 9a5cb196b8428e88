"""Whether reports of mailboxes that do not exist are believed: not while they are about too many messages.

Counted over what was handed over, and not over what a source tells: most sources tell only of what comes back, and of
those alone every report would be one too many.
"""

import uuid

from sqlalchemy import Connection, distinct, func, select, union_all

from gatepost.database.batch import among
from gatepost.events import BouncesUnusual
from gatepost.feedback.fact import Bounce
from gatepost.feedback.tables import HAS_MESSAGE, feedback
from gatepost.outbox.lifecycle import State
from gatepost.outbox.stretch import stretch

# The same as of what servers answer at once: see suppression/guard.py.
HANDED_OVER = 50
MAX_HARD = 10

_TAKEN = (State.ACCEPTED, State.DELIVERED, State.BOUNCED)
_HARD = select(func.count(distinct(feedback.c.message))).where(
    HAS_MESSAGE, among(feedback.c.message, "of_ids"), feedback.c.bounce == str(Bounce.HARD)
)


def unusual(tx: Connection, source: str, message: uuid.UUID) -> BouncesUnusual | None:
    """Return the alarm where too many of the messages handed over up to this one came back for good; else None.

    Args:
        tx: the transaction that has kept the fact.
        source: by whose word.
        message: the message of the fact.
    """
    after = uuid.UUID(int=min(message.int + 1, 2**128 - 1))
    newest = (stretch({"state": state}, newest_first=True, before=after).limit(HANDED_OVER) for state in _TAKEN)
    found = union_all(*(select(one.subquery().c.id) for one in newest)).subquery()
    ids = list(tx.execute(select(found.c.id).order_by(found.c.id.desc()).limit(HANDED_OVER)).scalars())
    hard: int = tx.execute(_HARD, {"of_ids": ids}).scalar_one() if ids else 0
    return BouncesUnusual(server=source, hard=hard, answers=len(ids)) if hard > MAX_HARD else None
