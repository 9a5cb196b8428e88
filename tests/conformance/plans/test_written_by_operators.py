"""What an operator does and looks at costs the same however many messages there are."""

import uuid

import pytest
from sqlalchemy import Connection

from gatepost.audit.trail import Signature
from gatepost.errors import ActionRefused
from gatepost.outbox import search
from gatepost.outbox.actions import SENT_AGAIN_TEXT, STATES, Action
from gatepost.outbox.operate import act
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import NOW_MS, RESENT_EACH, row_id

_BY = Signature(actor="admin token")


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_a_few_looks(settled: Filled, action: Action) -> None:
    """The message by its id, whether it was sent again by an index of few, and two rows written."""
    some: list[uuid.UUID] = []

    def look_for_some(tx: Connection) -> None:
        for state in sorted(STATES[action] - {"cancelled", "unknown"}):
            some.extend(row.id for row in search.page(tx, state=str(state), limit=20))

    def work(tx: Connection) -> None:
        done = 0
        for _ in range(10):  # others each time: PostgreSQL runs all of it twice
            try:
                act(tx, action, some.pop(), _BY, NOW_MS)
                done += 1
            except ActionRefused as refused:
                assert SENT_AGAIN_TEXT == refused.text
        assert done

    settled.examine_work(look_for_some)
    # An update touches every index, and writes that were rolled back have made them longer.
    settled.examine_work(work).assert_searched(steps=450, pages=120)


def test_what_was_done_is_looked_up(settled: Filled) -> None:
    """A message with its attempts, its deeds and what it was resent as is four look-ups."""
    number = 50_000 // RESENT_EACH * RESENT_EACH
    first = uuid.UUID(bytes=row_id(number, NOW_MS - (100_000 - number) * 60_000))

    def work(tx: Connection) -> None:
        found = search.find(tx, first)
        assert found is not None
        assert (1, 1) == (len(found.actions), len(found.resent_as))

    settled.examine_work(work).assert_searched(steps=300, pages=12)
