"""Messages whose worker is gone: given back by itself at a stop, or recovered after its death."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from gatepost.mail.draft import IfUnknown
from gatepost.outbox.claim import CLAIM_COLUMNS, as_claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, settle
from gatepost.outbox.tables import IS_IN_FLIGHT, messages
from gatepost.outbox.unknown import perhaps_taken


@dataclass(frozen=True)
class Recovered:
    """What dead workers had in flight: how many are due again, how many may have been taken."""

    due_again: int
    unknown: int


def given_back(now_ms: int, reason: str) -> Verdict:
    """The verdict on a try that ended before any content was written, for a cause that is not the message's."""
    return Verdict(state=State.QUEUED, reason=reason, due_at=now_ms, counted=False)


def recover(tx: Connection, now_ms: int, spare: Collection[uuid.UUID] = ()) -> Recovered:
    """Settle everything that is owned by a worker, except `spare`. The caller knows that nobody works on the rest.

    `sending` was certainly not handed over and is due at once; `committing` may have been, its policy decides.
    """
    rows = (
        tx.execute(select(*CLAIM_COLUMNS, messages.c.state, messages.c.started_at).where(IS_IN_FLIGHT)).mappings().all()
    )
    due_again = unknown = 0
    for row in rows:
        if row["id"] in spare:
            continue
        tried = Try(outcome="worker_died", started_at=row["started_at"])
        if row["state"] == State.SENDING:
            verdict = given_back(now_ms, "worker_died")
            due_again += 1
        else:
            verdict = perhaps_taken(IfUnknown(row["if_unknown"]), row["unknowns"], now_ms, "worker_died")
            unknown += 1
        settle(tx, as_claimed(row), verdict, tried, now_ms)
    return Recovered(due_again, unknown)
