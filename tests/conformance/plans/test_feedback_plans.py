"""What comes back costs what it is about, however many messages there are and however much came back before."""

import uuid

import pytest
from sqlalchemy import Connection, insert, select

from gatepost.database.columns import new_row_id
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.history import about
from gatepost.feedback.intake import MAX_FACTS_AT_ONCE, take_in
from gatepost.feedback.kept import apply_kept, some_due
from gatepost.feedback.prune import prune_unmatched
from gatepost.feedback.tables import feedback
from gatepost.outbox.lifecycle import State
from gatepost.outbox.stretch import stretch
from gatepost.outbox.tables import messages
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, NOW_MS
from tests.support.suppressing import HIDING

KEPT_BEFORE = 2_000


def _accepted(tx: Connection, count: int) -> list[uuid.UUID]:
    return [row.id for row in tx.execute(stretch({"state": State.ACCEPTED}, newest_first=True).limit(count))]


def _fill(tx: Connection, *, age_ms: int = 40 * DAY_MS) -> list[uuid.UUID]:
    """Facts about accepted messages, told long ago."""
    ids = _accepted(tx, KEPT_BEFORE)
    rows = [
        {
            "id": new_row_id(),
            "source": "ses",
            "event": number.to_bytes(16),
            "kind": "delayed",
            "message": row_id,
            "at": NOW_MS - age_ms,
            "received_at": NOW_MS - age_ms,
            "applied_at": NOW_MS,
        }
        for number, row_id in enumerate(ids)
    ]
    for start in range(0, len(rows), 100):  # else the writing itself would be the dearest statement
        tx.execute(insert(feedback), rows[start : start + 100])
    return ids


def _fact(number: int, kind: Kind, **changes: object) -> Fact:
    return Fact(source="ses", event_id=f"new {number}", kind=kind, at=NOW_MS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.BOUNCED])
def test_a_post_looks_at_its_messages(settled: Filled, kind: Kind) -> None:
    """Fifty facts, by our id and by the Message-ID; for hard bounces also the fifty handed over before each."""
    bounce = Bounce.HARD if kind is Kind.BOUNCED else None

    def work(tx: Connection) -> None:
        ids = _accepted(tx, MAX_FACTS_AT_ONCE)
        query = select(messages.c.id, messages.c.message_id).where(messages.c.id.in_(ids[::2]))
        named = {row.id: row.message_id.strip("<>") for row in tx.execute(query)}
        facts = [
            _fact(number, kind, bounce=bounce, message_id=named.get(row_id), row_id=None if row_id in named else row_id)
            for number, row_id in enumerate(ids)
        ]
        assert ids == [one.message for one in take_in(tx, facts, hiding=HIDING, now_ms=NOW_MS)]

    settled.examine_work(work).assert_searched(steps=600_000, pages=30_000)


def test_nothing_kept_costs_a_look(settled: Filled) -> None:
    """Asked now and then by every process, beside thousands of facts that were applied."""

    def work(tx: Connection) -> None:
        _fill(tx)
        assert not some_due(tx)
        assert [] == apply_kept(tx, hiding=HIDING, now_ms=NOW_MS)

    settled.examine_work(work).assert_searched(steps=60_000, pages=5_000)


def test_pruning_and_showing_look_at_their_own(settled: Filled) -> None:
    """What is about messages goes with them and is not walked past; of one message only its own facts are read."""

    def work(tx: Connection) -> None:
        ids = _fill(tx)
        assert 0 == prune_unmatched(tx, NOW_MS)
        assert 1 == len(about(tx, ids[0]))

    settled.examine_work(work).assert_searched(steps=60_000, pages=5_000)
