"""How many messages to one domain may be under way at a time, and how far a backlog is walked past."""

import pytest

from gatepost.delivery.lanes import MAX_NARROW, Lanes
from gatepost.delivery.walks import START_OVER_AFTER_S, WALK_PART, Walks
from gatepost.mail.draft import Priority
from gatepost.outbox.claim_lanes import Passed
from gatepost.transport.reply import Outcome, Phase, Reply

ACCEPTED = Reply(Outcome.ACCEPTED, Phase.FINAL_REPLY, 250)
PUT_OFF = Reply(Outcome.TRANSIENT, Phase.RCPT, 451)
TIMED_OUT = Reply(Outcome.TRANSIENT, Phase.RCPT, timed_out=True)
SILENT = Reply(Outcome.UNKNOWN, Phase.FINAL_REPLY, timed_out=True)
NOTHING_FOUND = Passed([], {Priority.URGENT: 5}, ended=True)
NOW_S = 100.0


def _fill(lanes: Lanes, domains: list[str]) -> dict[str, int]:
    """Let everybody take what they may, in turns, as long as there is anything; return who got how many."""
    got = dict.fromkeys(domains, 0)
    while takers := [one for one in domains if one not in lanes.allowed().passed_over and lanes.free]:
        for one in takers:
            if lanes.free and one not in lanes.allowed().passed_over:
                lanes.begun(one)
                got[one] += 1
    return got


@pytest.mark.parametrize(("slots", "most"), [(1, 1), (2, 1), (4, 3), (8, 7), (16, 14), (100, 88)])
def test_a_domain_alone_gets_nearly_all_slots(slots: int, most: int) -> None:
    """And leaves one for whoever comes, wherever there are two."""
    lanes = Lanes(slots)
    assert {"one.example": most} == _fill(lanes, ["one.example"])
    assert (slots > 1) == (lanes.free >= 1)


def test_two_busy_domains_share_and_a_third_still_begins_at_once() -> None:
    """Nobody reserves anything for it: the fewer slots are free, the fewer one domain may have."""
    lanes = Lanes(16)
    got = _fill(lanes, ["a.example", "b.example"])
    assert abs(got["a.example"] - got["b.example"]) <= 1
    assert lanes.free >= 1
    assert "c.example" not in lanes.allowed().passed_over


def test_one_hand_takes_no_domain_over_its_threshold() -> None:
    """All that is claimed at once may belong to the domain that has most already."""
    for slots in (1, 2, 3, 8, 16, 50):
        for before in range(slots):
            lanes = Lanes(slots)
            for _ in range(before):
                lanes.begun("one.example")
            allowed = lanes.allowed()
            if "one.example" in allowed.passed_over:
                continue
            for _ in range(allowed.hand):
                assert "one.example" not in lanes.allowed().passed_over
                lanes.begun("one.example")


@pytest.mark.parametrize("reply", [PUT_OFF, TIMED_OUT, SILENT])
def test_a_domain_that_lets_us_wait_has_a_lane_of_one(reply: Reply) -> None:
    """One message at a time, until it accepts one."""
    lanes = Lanes(16)
    lanes.begun("slow.example")
    lanes.ended("slow.example", reply)
    assert (frozenset({"slow.example"}), frozenset({"slow.example"})) == lanes.allowed()[1:]
    lanes.begun("slow.example")
    assert (frozenset({"slow.example"}), frozenset()) == lanes.allowed()[1:]
    lanes.ended("slow.example", ACCEPTED)
    assert (frozenset(), frozenset()) == lanes.allowed()[1:]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        ACCEPTED,
        Reply(Outcome.PERMANENT, Phase.RCPT, 550),
        Reply(Outcome.UNREACHABLE, Phase.CONNECT, timed_out=True),
        Reply(Outcome.UNREACHABLE, Phase.MAIL, 421),
        Reply(Outcome.TRANSIENT, Phase.CONTENT, text="the line broke"),
    ],
)
def test_what_says_nothing_about_a_domain_leaves_its_lane(reply: Reply | None) -> None:
    """A server that is away, a mailbox that is gone, a broken line."""
    lanes = Lanes(16)
    lanes.begun("fine.example")
    lanes.ended("fine.example", reply)
    assert frozenset() == lanes.allowed().passed_over


def test_many_slow_domains_have_a_quarter_of_the_slots_together() -> None:
    """A hundred dead domains, a message each, would take every slot as one dead domain would."""
    lanes = Lanes(16)
    slow = [f"{number}.example" for number in range(40)]
    for one in slow:
        lanes.begun(one)
        lanes.ended(one, TIMED_OUT)
    begun = 0
    while narrow := lanes.allowed().narrow:
        lanes.begun(min(narrow))
        begun += 1
    assert 4 == begun


def test_only_so_many_slow_domains_are_remembered() -> None:
    """The one that was slow first is forgotten first."""
    lanes = Lanes(4)
    for number in range(MAX_NARROW + 1):
        lanes.begun(f"{number}.example")
        lanes.ended(f"{number}.example", PUT_OFF)
    assert MAX_NARROW == len(lanes.allowed().passed_over)
    assert "0.example" not in lanes.allowed().passed_over


def test_a_full_lane_opens_when_a_message_ends() -> None:
    """Whoever passed it over looks again then."""
    lanes = Lanes(8)
    _fill(lanes, ["one.example"])
    assert not lanes.opened({"one.example"})
    lanes.ended("one.example", ACCEPTED)
    assert lanes.opened({"one.example"})
    assert not lanes.opened(())


def test_a_walk_goes_on_where_it_was_for_these_lanes() -> None:
    """Each set of lanes has a place of its own: a domain that gets and loses its last slot does not lose it."""
    walks, one, two = Walks(), (frozenset({"a"}), False), (frozenset({"a", "b"}), False)
    assert {} == walks.since(one, NOW_S)
    walks.walked(one, NOTHING_FOUND, 0.001, bells=1)
    assert {} == walks.since(two, NOW_S)
    assert {Priority.URGENT: 5} == walks.since(one, NOW_S)


def test_a_walk_starts_over_after_a_while() -> None:
    """After a second, or after twenty times what it took: what became due behind it must be found."""
    walks, lanes = Walks(), (frozenset({"a"}), False)
    walks.since(lanes, NOW_S)
    walks.walked(lanes, NOTHING_FOUND, 0.001, bells=1)
    assert {} != walks.since(lanes, NOW_S + START_OVER_AFTER_S - 0.01)
    assert {} == walks.since(lanes, NOW_S + START_OVER_AFTER_S)
    walks.walked(lanes, NOTHING_FOUND, 0.1, bells=1)
    begun = NOW_S + START_OVER_AFTER_S
    assert {} != walks.since(lanes, begun + WALK_PART * 0.1 - 0.01)
    assert {} == walks.since(lanes, begun + WALK_PART * 0.1)


def test_nothing_is_looked_for_in_vain() -> None:
    """The walk came to the end and no bell rang since: there is nothing to find, until it starts over."""
    walks, lanes = Walks(), (frozenset({"a"}), False)
    assert not walks.in_vain(lanes, NOW_S, bells=1)
    walks.since(lanes, NOW_S)
    walks.walked(lanes, NOTHING_FOUND, 0.001, bells=1)
    assert walks.in_vain(lanes, NOW_S, bells=1)
    assert not walks.in_vain(lanes, NOW_S, bells=2)
    assert not walks.in_vain(lanes, NOW_S + START_OVER_AFTER_S, bells=1)
    walks.walked(lanes, Passed([], {}, ended=False), 0.001, bells=1)
    assert not walks.in_vain(lanes, NOW_S, bells=1)
