"""Late facts: a worker that was held for dead knows what came of a message that is `unknown` by now.

Whoever held it for dead could only say that the message may have been taken. As long as nobody tried it again, what the
worker heard from the server is the better answer.
"""

from sqlalchemy import Connection, bindparam, exists, update

from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Result, Try, Verdict, remembered
from gatepost.outbox.tables import attempts, messages

_IN_OUR_PLACE = (
    attempts.c.message == bindparam("of_id"),
    attempts.c.claim_number == bindparam("of_claim_number"),
    attempts.c.outcome == "worker_died",
)
_COPY = messages.alias("copy")
# An operator had it sent again as a new message: then it must not go out besides.
_NOT_RESENT = ~exists().where(_COPY.c.resent_from == messages.c.id)
_MOVE = (
    update(messages)
    .where(
        messages.c.id == bindparam("of_id"),
        messages.c.claim_number == bindparam("of_claim_number"),
        messages.c.state == str(State.UNKNOWN),
        exists().where(*_IN_OUR_PLACE),
    )
    .values(
        state=bindparam("to_state"),
        reason=bindparam("for_reason"),
        due_at=bindparam("next_due_at"),
        # What was written in our place counted the try, and one more `unknown`.
        attempts=messages.c.attempts - bindparam("counts_not"),
        unknowns=messages.c.unknowns - 1,
        settled_at=bindparam("at_ms"),
    )
)
# A refusal for good is none of them: the next copy, if there is one, hears it as well, and settles it.
_FACTS = {State.ACCEPTED: _MOVE, State.DEFERRED: _MOVE.where(_NOT_RESENT)}
_RETELL = update(attempts).where(*_IN_OUR_PLACE)


def settle_late(tx: Connection, claimed: Claimed, verdict: Verdict, tried: Try, now_ms: int) -> bool:
    """Move a message that is `unknown` in our place where we know it belongs, and say in its attempt what happened.

    False: it is not, or somebody has decided about it since; nothing was written.
    """
    if verdict.state not in _FACTS:
        return False
    ours = {"of_id": claimed.id, "of_claim_number": claimed.claim_number}
    where = {
        "to_state": str(verdict.state),
        "for_reason": verdict.reason,
        "next_due_at": verdict.due_at,
        "counts_not": int(not verdict.counted),
        "at_ms": now_ms if verdict.due_at is None else None,
    }
    if tx.execute(_FACTS[verdict.state], ours | where).rowcount != 1:
        return False
    told = dict(remembered(Result(claimed, verdict, tried)))
    del told["message"], told["claim_number"]
    tx.execute(_RETELL.values(**told), ours)
    return True
