"""Whether mail waits for everybody, as the outbox shows it. What waits for a reason of its own says nothing here.

Anybody may ask, so nobody may be able to tell by the answer what became of the mail to one address: not by a domain
that puts every message off, nor by one that answers so slowly that messages wait for each other.
"""

from sqlalchemy import Connection, bindparam, func, select

from gatepost.mail.draft import Priority
from gatepost.outbox.lifecycle import State
from gatepost.outbox.stretch import stretch
from gatepost.outbox.tables import IS_WAITING_TOGETHER, messages
from gatepost.outbox.workers import living

# A message that is due is begun within a second or two; somebody in front of a screen gives up after a minute.
PATIENCE_S = 60
# Fewer may be what one stranger has brought in.
SEVERAL_DOMAINS = 3
_LOOKED_AT = 100
_TAKEN = (State.ACCEPTED, State.DELIVERED, State.BOUNCED)

# When the newest message that a server took was written. One index entry for each state.
_NEWEST_TAKEN = select(
    *(
        func.coalesce(
            stretch({"state": state}, newest_first=True)
            .limit(1)
            .with_only_columns(messages.c.created_at)
            .scalar_subquery(),
            0,
        )
        for state in _TAKEN
    )
)
# Only the urgent ones, for which somebody waits: a thousand newsletters are no delay. `since` is where the queue has
# got to: what was due before, and still waits, was passed over for the sake of its domain.
_OVERDUE = (
    select(messages.c.reason, messages.c.recipient_domain)
    .where(
        IS_WAITING_TOGETHER,
        messages.c.priority == int(Priority.URGENT),
        messages.c.due_at > bindparam("since"),
        messages.c.due_at <= bindparam("until"),
    )
    .order_by(messages.c.due_at)
    .limit(_LOOKED_AT)
)


def is_held_up(connection: Connection, now_ms: int, *, alone: bool) -> bool:
    """Say whether urgent messages that are due wait for more than PATIENCE_S seconds, and not for their own sake.

    Args:
        connection: for reading.
        now_ms: wall time in milliseconds.
        alone: see `gatepost.outbox.workers.living`.
    """
    since = max(connection.execute(_NEWEST_TAKEN).one())
    overdue = connection.execute(_OVERDUE, {"since": since, "until": now_ms - PATIENCE_S * 1000}).all()
    if not overdue:
        return False
    if any(one.reason == "unreachable" for one in overdue):  # a worker says so: no server could be used
        return True
    return len({one.recipient_domain for one in overdue}) >= SEVERAL_DOMAINS or living(connection, alone=alone) == 0
