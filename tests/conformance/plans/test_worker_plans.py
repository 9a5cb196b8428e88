"""What a worker asks, many times a second, costs the same however many messages there are and however many wait."""

from functools import partial

import pytest
from sqlalchemy import Connection

from gatepost.accounts.keys import Keys
from gatepost.accounts.messages import Links
from gatepost.delivery.bounces import Bounces
from gatepost.delivery.round import Look, Round
from gatepost.events import Events
from gatepost.outbox.claim import Claimed, allow_copies, claim, claim_suspect, suspect_is_due
from gatepost.outbox.claim_lanes import Passing, claim_passing
from gatepost.outbox.expire import EXPIRED_AT_ONCE, START, expire, overdue
from gatepost.outbox.give_back import recover, recover_strays
from gatepost.outbox.late import settle_late
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, is_settled, mark_committing, settle
from gatepost.outbox.workers import beat, enlist, leave, strike_out_dead
from gatepost.suppression.guard import Guard
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, NOW_MS, OWNER, address_of
from tests.support.suppressing import HIDING

SLOTS = 16
DOMAIN = address_of(1).rpartition("@")[2]


@pytest.mark.parametrize("while_alive", [False, True], ids=["alone", "among others"])
def test_a_claim_looks_at_what_it_takes(filled: Filled, while_alive: bool) -> None:
    """Sixteen messages are taken from a few hundred, or from a hundred thousand, for the same price."""

    def work(tx: Connection) -> None:
        enlist(tx, "me", SLOTS, alone=False)
        found = claim(tx, owner="me", limit=SLOTS, now_ms=NOW_MS, while_alive=while_alive)
        assert SLOTS == len(found)

    filled.examine_work(work).assert_searched(steps=8_000, pages=800)


@pytest.mark.parametrize("while_alive", [False, True], ids=["alone", "among others"])
def test_a_claim_past_a_full_lane_walks_a_bounded_piece(filled: Filled, while_alive: bool) -> None:
    """A hundred thousand of one domain wait before everybody else's: 2,000 entries of an index are walked past."""

    def work(tx: Connection) -> None:
        enlist(tx, "me", SLOTS, alone=False)
        passing = Passing(frozenset({DOMAIN, "another.example"}), False, {})
        passed = claim_passing(tx, passing, owner="me", limit=SLOTS, now_ms=NOW_MS, while_alive=while_alive)
        assert [] == passed.claimed

    filled.examine_work(work).assert_searched(steps=50_000, pages=800)


def test_a_suspect_is_found_without_looking_at_the_others(filled: Filled) -> None:
    """Asked once a second: a small index of its own, empty nearly always."""

    def work(tx: Connection) -> None:
        suspect_is_due(tx, NOW_MS)
        claim_suspect(tx, owner="me", now_ms=NOW_MS, while_alive=False)

    filled.examine_work(work).assert_searched(steps=1_000, pages=100)


def test_what_is_past_its_end_is_found_piece_by_piece(filled: Filled) -> None:
    """In an outage: along what is due, at most two thousand messages at a time; each expires by its key."""

    def work(tx: Connection) -> None:
        later_ms = NOW_MS + 200 * DAY_MS
        found, _ = overdue(tx, START, later_ms)
        assert expire(tx, found[:EXPIRED_AT_ONCE], later_ms)

    filled.examine_work(work).assert_searched(steps=400_000, pages=20_000)


def test_a_claim_of_nothing_looks_at_nothing(filled: Filled) -> None:
    """Before anything is due, a hundred thousand messages that wait cost a worker nothing."""

    def work(tx: Connection) -> None:
        assert [] == claim(tx, owner="me", limit=SLOTS, now_ms=0)

    filled.examine_work(work).assert_searched(steps=200, pages=20)


def test_a_round_renews_each_token_by_its_key(filled: Filled) -> None:
    """A claim with its links looks up one token a message."""
    links = Links(
        Keys(["a secret of the tests, long enough to be one"]),
        verify_url="/verify",
        reset_url="/reset",
        confirm_url="/c",
        undo_url="/u",
    )
    look = Look(
        prepare=links.prepare,
        bounces=Bounces(HIDING, Guard(), Events(), "test"),
        owner="me",
        free=SLOTS,
        now_ms=NOW_MS,
        while_alive=False,
        copies=True,
    )

    def work(tx: Connection) -> Round:
        return look(tx)

    filled.examine_work(work).assert_searched(steps=30_000, pages=2_500)


def test_copies_that_are_due_are_found(filled: Filled) -> None:
    """What may have been taken, and is to be sent again, is found without looking at all that stays unknown."""
    filled.examine_work(lambda tx: allow_copies(tx, NOW_MS)).assert_searched(steps=30_000, pages=2_500)


def test_a_try_is_marked_and_settled_by_its_key(filled: Filled) -> None:
    """The mark, the result and the look for a result of ours cost one look-up each."""

    def work(tx: Connection) -> None:
        one = _claim_one(tx)
        tried = Try(outcome="accepted", started_at=NOW_MS)
        assert mark_committing(tx, one)
        assert settle(tx, one, Verdict(state=State.ACCEPTED), tried, NOW_MS)
        assert is_settled(tx, one, tried)

    filled.examine_work(work).assert_searched(steps=1_000, pages=300)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DEFERRED])
def test_a_late_fact_is_written_by_its_key(filled: Filled, state: State) -> None:
    """Asked only by a worker that was held for dead: two look-ups, and one whether it was resent."""
    verdict = Verdict(state=state, due_at=NOW_MS if state is State.DEFERRED else None)

    def work(tx: Connection) -> None:
        one = _claim_one(tx)
        assert mark_committing(tx, one)
        leave(tx, "me")
        recover(tx, NOW_MS)
        written = settle_late(tx, one, verdict, Try(outcome="accepted", started_at=1), NOW_MS)
        assert written or state is State.DEFERRED  # some of these were resent

    filled.examine_work(work).assert_searched(steps=5_000, pages=1_500)


def test_nothing_to_recover_costs_a_look_at_what_is_in_flight(filled: Filled) -> None:
    """With every worker alive, recovery reads the few messages in flight."""
    filled.examine_work(lambda tx: recover(tx, NOW_MS)).assert_searched(steps=5_000, pages=200)


def test_what_a_dead_worker_left_is_recovered(filled: Filled) -> None:
    """Recovery reads what the dead worker had in flight, and settles each by its key."""

    def work(tx: Connection) -> None:
        leave(tx, OWNER)
        assert 50 == recover(tx, NOW_MS).count

    filled.examine_work(work).assert_searched(steps=5_000, pages=1_500)


def test_strays_are_found_by_their_owner(filled: Filled) -> None:
    """A worker finds what it owns and does not work on among what it owns."""
    filled.examine_work(partial(recover_strays, owner=OWNER, at_work=set(), now_ms=NOW_MS)).assert_searched(
        steps=5_000, pages=300
    )


def test_heartbeats_touch_no_message(filled: Filled) -> None:
    """Enlisting, beating, striking out and leaving are matters of one small table."""

    def work(tx: Connection) -> None:
        enlist(tx, "me", SLOTS, alone=False)
        beat(tx, "me")
        strike_out_dead(tx)
        leave(tx, "me")

    found = filled.examine_work(work)
    found.assert_searched(steps=300, pages=20)
    assert [] == [one.text for one in found.statements if "messages" in one.text]


def _claim_one(tx: Connection) -> Claimed:
    return claim(tx, owner="me", limit=1, now_ms=NOW_MS)[0]
