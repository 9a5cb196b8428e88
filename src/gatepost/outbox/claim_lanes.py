"""The claim while some domains have all the slots they may have: theirs are passed over, everybody else's are taken.

Bounded: a hundred thousand messages of one domain are walked past in pieces, and not again at every claim.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter

from sqlalchemy import Connection, bindparam, func, not_, select

from gatepost.database.batch import among
from gatepost.database.prepared import Prepared
from gatepost.mail.draft import Priority
from gatepost.outbox.claim import Claimed, as_claimed, claim_of
from gatepost.outbox.queue_hold import is_held
from gatepost.outbox.tables import IS_WAITING_TOGETHER, messages
from gatepost.outbox.workers import IS_ALIVE

# On SQLite each takes 2 µs, because a look at the table itself belongs to it.
WALKED_AT_ONCE = 2_000

# For each priority an instant in milliseconds.
Since = Mapping[Priority, int]


@dataclass(frozen=True)
class Passing:
    """Which of the due messages are meant.

    Args:
        domains: of the recipients.
        only: these; else all but these.
        since: nothing that is meant was due before, as was seen a moment ago.
    """

    domains: frozenset[str]
    only: bool
    since: Since


@dataclass(frozen=True)
class Passed:
    """What one walk brought.

    Args:
        claimed: the messages.
        since: where the next one may begin.
        ended: whether nothing more is due of what is meant.
    """

    claimed: list[Claimed]
    since: Since
    ended: bool


# Where a walk of so many ends.
_END = Prepared(
    select(messages.c.due_at)
    .where(
        IS_WAITING_TOGETHER,
        messages.c.priority == bindparam("of_priority"),
        messages.c.due_at >= bindparam("since"),
        messages.c.due_at <= bindparam("now_ms"),
    )
    .order_by(messages.c.due_at)
    .limit(1)
    .offset(WALKED_AT_ONCE - 1)
)
_DOMAIN = func.coalesce(messages.c.recipient_domain, "", type_=messages.c.recipient_domain.type)
# With one upper bound: given two, SQLite walks as far as the first of them says.
_WITHIN = (
    select(messages.c.id)
    .where(
        IS_WAITING_TOGETHER,
        messages.c.priority == bindparam("of_priority"),
        messages.c.due_at >= bindparam("since"),
        messages.c.due_at <= bindparam("until"),
    )
    .order_by(messages.c.due_at)
    .limit(bindparam("at_most"))
)
_THESE, _OTHERS = _WITHIN.where(among(_DOMAIN, "domains")), _WITHIN.where(not_(among(_DOMAIN, "domains")))
_CLAIMS = {
    (only, while_alive): Prepared(claim_of(due.where(IS_ALIVE) if while_alive else due), "domains")
    for only, due in ((True, _THESE), (False, _OTHERS))
    for while_alive in (True, False)
}


def claim_passing(
    tx: Connection, passing: Passing, *, owner: str, limit: int, now_ms: int, while_alive: bool
) -> Passed:
    """Do what `claim` does, for the messages that are meant, on a walk past at most WALKED_AT_ONCE of each priority.

    A less urgent message is claimed only after everything more urgent was walked past.
    """
    if is_held(tx):  # nothing is walked past: the walk would not come back to it when the queue is released
        return Passed([], passing.since, ended=True)
    statement = _CLAIMS[passing.only, while_alive]
    claimed: list[Claimed] = []
    since = dict(passing.since)
    ended = False
    for priority in Priority:
        if len(claimed) == limit:
            return Passed(claimed, since, ended=False)
        at = {"of_priority": int(priority), "since": since.get(priority, 0), "now_ms": now_ms}
        end = _END.run(tx, at).scalar()
        wanted = {"at_most": limit - len(claimed), "by": owner, "until": now_ms if end is None else end}
        rows = statement.run(tx, {**at, **wanted, "domains": sorted(passing.domains)}).fetchall()
        claimed += [as_claimed(row) for row in sorted(rows, key=itemgetter(0))]
        if len(rows) == wanted["at_most"]:
            return Passed(claimed, since, ended=False)
        ended = end is None
        # At the very instant more may become due; of an instant that is past, everything was seen.
        since[priority] = now_ms if end is None else end + 1
        if not ended:
            break
    return Passed(claimed, since, ended)
