"""Any story of an outbox, and any list of facts in two orders: the end is what the facts say."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Connection

from gatepost.database.opening import open_database
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.intake import take_in
from gatepost.outbox.claim import claim
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from tests.conformance.feedback.story import ADDRESSES, SAID, Outbox, Story
from tests.support.feedback import HIDING
from tests.support.outbox import NOW_MS, draft


@pytest.fixture
def outbox(database_url: str) -> Iterator[Outbox]:
    """An empty, migrated database."""
    with asyncio.Runner() as runner:
        database = runner.run(open_database(database_url, wait_for_owner_s=0))
        yield Outbox(runner, database)
        runner.run(database.close())


def test_s114_whatever_happens_only_legal_moves_follow(outbox: Outbox) -> None:
    """Any story of tries, deaths, operators and facts: its end is what the facts say, and no order changes it."""

    class OfThisDatabase(Story):
        pass

    OfThisDatabase.outbox = outbox
    run_state_machine_as_test(
        OfThisDatabase,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@dataclass(frozen=True)
class Told:
    """One fact of a list that is told in two orders."""

    message: int
    kind: Kind
    bounce: Bounce | None


_LISTS = st.lists(
    st.builds(lambda message, said: Told(message, *said), st.integers(0, 5), st.sampled_from(SAID)), max_size=12
)
_MESSAGES = [(ADDRESSES[number % 2], number % 3 == 0, number >= 4) for number in range(6)]


def _hand_over(outbox: Outbox) -> list[uuid.UUID]:
    def work(tx: Connection) -> list[uuid.UUID]:
        return [_one(tx, *about) for about in _MESSAGES]

    ids: list[uuid.UUID] = outbox.write(work)
    return ids


def _one(tx: Connection, address: str, security: bool, unknown: bool) -> uuid.UUID:
    wanted = draft(recipient=address, recipient_key=address, security=security)
    row_id = enqueue(tx, wanted, now_ms=NOW_MS, domain="gatepost.example").id
    (claimed,) = claim(tx, owner="a", limit=1, now_ms=NOW_MS, while_alive=False)
    assert mark_committing(tx, claimed)
    end = State.UNKNOWN if unknown else State.ACCEPTED
    verdict = Verdict(state=end, reason="no_final_reply" if unknown else None)
    assert settle(tx, claimed, verdict, Try(outcome=end, started_at=NOW_MS), NOW_MS)
    return row_id


def _tell_all(outbox: Outbox, order: list[int], told: list[Told], size: int) -> tuple[list[State], Any]:
    outbox.empty()
    ids = _hand_over(outbox)
    facts = [
        Fact(source="ses", event_id=str(n), kind=one.kind, at=n, bounce=one.bounce, row_id=ids[one.message])
        for n, one in enumerate(told)
    ]
    for start in range(0, len(order), size):
        some = [facts[n] for n in order[start : start + size]]
        outbox.write(partial(take_in, facts=some, hiding=HIDING, now_ms=NOW_MS))
    states = outbox.states()
    return [states[row_id] for row_id in ids], outbox.suppressed()


def test_s114_the_same_facts_in_another_order_lead_to_the_same(outbox: Outbox) -> None:
    """Any list, any permutation of it with repetitions, in posts of any size: states and suppressions are equal."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(told=_LISTS, data=st.data(), size=st.integers(1, 5))
    def check(told: list[Told], data: st.DataObject, size: int) -> None:
        numbers = list(range(len(told)))
        other = data.draw(st.permutations(numbers))
        repeated = other + data.draw(st.lists(st.sampled_from(numbers), max_size=4) if numbers else st.just([]))
        assert _tell_all(outbox, numbers, told, 50) == _tell_all(
            outbox, data.draw(st.permutations(repeated)), told, size
        )

    check()
