"""What is counted of a day: messages by the instant their fate was settled, and those that came back since.

Nothing here is counted by the process that did it: the rows say it, so that the page, the database and what the mail
server took are the same figure, whichever process shows it. Every query walks a stretch of one index.
"""

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Integer, TextClause, bindparam, exists, func, literal_column, select, text

from gatepost.activity.tally import MINUTE_MS, Counts
from gatepost.feedback.fact import Kind
from gatepost.feedback.tables import feedback
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages

# A server took these; that is known of a bounced one as well.
TAKEN = (State.ACCEPTED, State.DELIVERED, State.BOUNCED)
# Nothing was taken, and nothing is tried again.
GIVEN_UP = (State.FAILED, State.EXPIRED)
# The newest so many messages, of so many minutes at most, say how long acceptance takes.
TIMED_MESSAGES = 1_000
TIMED_MS = 15 * MINUTE_MS
# An id is made a moment before the instant beside it is read, or after.
_ID_SLACK_MS = MINUTE_MS


def _is_one_of(states: tuple[State, ...]) -> TextClause:
    # Written out, so that what is counted is read in the index and nowhere else.
    return text(f"state IN ({', '.join(repr(str(one)) for one in states)})")


def count_settled(connection: Connection, width_ms: int, from_ms: int, until_ms: int | None) -> Mapping[int, Counts]:
    """Count what servers took, and what was given up, by when; see `gatepost.activity.tally.Count`."""
    stretch = (messages.c.settled_at // literal_column(str(int(width_ms)), Integer)).label("stretch")
    query = (
        select(stretch, func.count().filter(_is_one_of(TAKEN)), func.count().filter(_is_one_of(GIVEN_UP)))
        .where(messages.c.settled_at >= bindparam("from_ms"))
        .group_by(stretch)
    )
    if until_ms is not None:
        query = query.where(messages.c.settled_at < bindparam("until_ms"))
    rows = connection.execute(query, {"from_ms": from_ms, "until_ms": until_ms})
    return {number * width_ms: (taken, given_up) for number, taken, given_up in rows if taken or given_up}


_EARLIER = feedback.alias("earlier")
# Reports repeat themselves: a message counts with the first that says it bounced, and only if that was believed.
_FIRST_BOUNCES = (
    select(feedback.c.received_at)
    .join(messages, messages.c.id == feedback.c.message)
    .where(
        feedback.c.id >= bindparam("first_id"),
        feedback.c.received_at >= bindparam("from_ms"),
        feedback.c.kind == str(Kind.BOUNCED),
        messages.c.state == str(State.BOUNCED),
        ~exists().where(
            _EARLIER.c.message == feedback.c.message,
            _EARLIER.c.kind == str(Kind.BOUNCED),
            _EARLIER.c.id < feedback.c.id,
        ),
    )
)
_UNTIL = (feedback.c.id < bindparam("last_id"), feedback.c.received_at < bindparam("until_ms"))


def count_bounced(connection: Connection, width_ms: int, from_ms: int, until_ms: int | None) -> Mapping[int, Counts]:
    """Count the messages that bounced, by when the first report of it came; see `gatepost.activity.tally.Count`."""
    values = {"first_id": _id_at(from_ms - _ID_SLACK_MS), "from_ms": from_ms}
    query = _FIRST_BOUNCES
    if until_ms is not None:
        query = query.where(*_UNTIL)
        values |= {"last_id": _id_at(until_ms + _ID_SLACK_MS), "until_ms": until_ms}
    found: dict[int, Counts] = {}
    for received_at in connection.execute(query, values).scalars():
        at = received_at - received_at % width_ms
        found[at] = (found.get(at, (0,))[0] + 1,)
    return found


# The state is asked for as a text that no index has: else SQLite would look through all that was ever accepted.
_WAS_TAKEN = text(f"(state || '') IN ({', '.join(repr(str(one)) for one in TAKEN)})")
_TIMES = (
    select(messages.c.settled_at - messages.c.created_at)
    .where(messages.c.settled_at >= bindparam("from_ms"), _WAS_TAKEN)
    .order_by(messages.c.settled_at.desc())
    .limit(TIMED_MESSAGES)
)


def time_to_acceptance_ms(connection: Connection, now_ms: int) -> int | None:
    """Return in how many milliseconds 95 of 100 messages were accepted lately, counted from the commit that wrote them.

    Of the newest TIMED_MESSAGES of the last TIMED_MS; None where there was none.
    """
    return slowest_of(acceptance_times_ms(connection, now_ms - TIMED_MS), 95)


def acceptance_times_ms(connection: Connection, from_ms: int) -> list[int]:
    """Return in how many milliseconds each of the newest TIMED_MESSAGES accepted since then was, the quickest first."""
    return sorted(max(0, int(took)) for took in connection.execute(_TIMES, {"from_ms": from_ms}).scalars())


def slowest_of(times: Sequence[int], percent: int) -> int | None:
    """Return how long the slowest of the quickest `percent` of 100 took (nearest rank); None of none."""
    return times[-(-len(times) * percent // 100) - 1] if times else None


def _id_at(instant_ms: int) -> uuid.UUID:
    """The smallest id that a row of this instant may have."""
    return uuid.UUID(int=max(0, instant_ms) << 80)
