"""One stretch of an index on `messages`: the rows whose first columns have given values, in the order of their ids.

Written as a range in the index's own order, and not as equations. With equations PostgreSQL may walk along the primary
key until it has found enough, which is the whole table where there are few; it does so once it plans for any value, or
with statistics of yesterday (4,700 pages in place of 50).
"""

import uuid
from collections.abc import Mapping

from sqlalchemy import Select, select, tuple_

from gatepost.outbox.tables import messages

_LAST_ID = uuid.UUID(int=2**128 - 1)


def stretch(
    along: Mapping[str, str], *, newest_first: bool, before: uuid.UUID | None = None
) -> Select[tuple[uuid.UUID]]:
    """Select the ids, oldest or newest first; ids sort by time. Give it a limit.

    Args:
        along: the first columns of an index whose next column is the id, in its order, and their values.
        newest_first: which end to begin at.
        before: only ids before this one.
    """
    columns = [messages.c[name] for name in along]
    query = select(messages.c.id).where(tuple_(*columns, messages.c.id) < (*along.values(), before or _LAST_ID))
    if columns:
        query = query.where(tuple_(*columns) >= tuple(along.values()))
    order = (*columns, messages.c.id)
    return query.order_by(*(column.desc() for column in order) if newest_first else order)
