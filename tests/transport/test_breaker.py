"""The breaker and the rate of a server, without a server."""

import itertools

import pytest

from gatepost.transport.breaker import UNLIMITED, Breaker, Change, Intervals
from gatepost.transport.outcome import Fault
from gatepost.transport.rate import Rate

FULL = 16
NOW = 1000.0


def a_breaker(*, probed: bool = True) -> Breaker:
    return Breaker(Intervals(), FULL, probed=probed)


def opened_by(fault: Fault, *, probed: bool = True) -> Breaker:
    breaker = a_breaker(probed=probed)
    assert breaker.end(breaker.begin(), fault, answered=False, now=NOW) is Change.FAILED
    return breaker


def succeed(breaker: Breaker) -> Change | None:
    return breaker.end(breaker.begin(), None, answered=True, now=NOW)


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Fault.CONNECTION, [3, 3, 3, 3, 3, 3, 3]),
        (Fault.TLS, [3, 3, 3, 3, 3, 3, 3]),
        (Fault.CLOSING, [3, 6, 12, 24, 48, 60, 60]),
        (Fault.SILENCE, [3, 6, 12, 24, 48, 60, 60]),
        (Fault.AUTHENTICATION, [30, 60, 120, 240, 480, 600, 600]),
    ],
)
def test_each_cause_has_its_intervals(fault: Fault, waits: list[float]) -> None:
    """3 s after connection and TLS, 3 s doubling to a minute after 421, half a minute doubling to ten after AUTH."""
    breaker = opened_by(fault)
    found = [breaker.probe_at - NOW]
    for number in range(1, len(waits)):
        assert breaker.probe_failed(fault, NOW + number) is Change.STILL_FAILED
        found.append(breaker.probe_at - NOW - number)
    assert found == waits


def test_another_cause_begins_its_own_intervals() -> None:
    """A server that was away for an hour and then says 421 is asked again after 3 s, not after a minute."""
    breaker = opened_by(Fault.CONNECTION)
    for _ in range(20):
        breaker.probe_failed(Fault.CONNECTION, NOW)
    breaker.probe_failed(Fault.CLOSING, NOW)
    assert breaker.probe_at == NOW + 3


def test_intervals_never_overflow() -> None:
    """A week of failed probes is still asked once a minute."""
    assert Intervals().after(Fault.CLOSING, 1_000_000) == 60


def test_a_closed_breaker_counts_nobody() -> None:
    """However many are under way, there is room."""
    breaker = a_breaker()
    for _ in range(100):
        breaker.begin()
    assert (breaker.room, breaker.is_closed, breaker.cause) == (UNLIMITED, True, None)


def test_nothing_goes_through_an_open_breaker() -> None:
    """From the first fault on until a probe has succeeded."""
    breaker = opened_by(Fault.CONNECTION)
    assert (breaker.room, breaker.is_open, breaker.failed_at) == (0, True, NOW)
    breaker.probe_failed(Fault.CONNECTION, NOW + 3)
    assert breaker.room == 0


def test_after_a_probe_one_message_goes_then_twice_as_many() -> None:
    """1, 2, 4, 8 at once, and from 16 on nobody counts."""
    breaker = opened_by(Fault.CONNECTION)
    assert breaker.probe_succeeded() is Change.RECOVERED
    rooms = []
    for _ in range(5):
        rooms.append(breaker.room)
        assert succeed(breaker) is None
    assert rooms == [1, 2, 4, 8, UNLIMITED]
    assert (breaker.is_closed, breaker.cause) == (True, None)


def test_who_is_under_way_takes_room_in_slow_start() -> None:
    """Of two at once, one is left while one is under way, and none while two are."""
    breaker = opened_by(Fault.CONNECTION)
    breaker.probe_succeeded()
    succeed(breaker)
    rooms = [breaker.room]
    for _ in range(3):
        breaker.begin()
        rooms.append(breaker.room)
    assert rooms == [2, 1, 0, 0]


def test_a_line_that_broke_is_no_proof_of_health() -> None:
    """No more room after it, and no less; it is the answer of a server that counts."""
    breaker = opened_by(Fault.CONNECTION)
    breaker.probe_succeeded()
    assert breaker.end(breaker.begin(), None, answered=False, now=NOW) is None
    assert breaker.room == 1


def test_a_fault_of_the_one_message_doubles_on() -> None:
    """A server that greets and then says 421 to every message is asked ever less often, up to once a minute."""
    breaker = opened_by(Fault.CLOSING)
    waits, changes = [], []
    for _ in range(6):
        breaker.probe_succeeded()
        changes.append(breaker.end(breaker.begin(), Fault.CLOSING, answered=True, now=NOW))
        waits.append(breaker.probe_at - NOW)
    assert waits == [6, 12, 24, 48, 60, 60]
    assert changes == [Change.FAILED, *[Change.STILL_FAILED] * 5]


def test_a_server_that_relapsed_has_recovered_only_with_a_message() -> None:
    """It is said to be well at the first probe, and after a relapse not before a message went through."""
    breaker = opened_by(Fault.CLOSING)
    assert breaker.probe_succeeded() is Change.RECOVERED
    breaker.end(breaker.begin(), Fault.CLOSING, answered=True, now=NOW)
    assert breaker.probe_succeeded() is None
    assert succeed(breaker) is Change.RECOVERED
    assert succeed(breaker) is None


def test_a_server_that_was_well_again_begins_anew() -> None:
    """After slow start is over, the next outage has the first interval and news of its own."""
    breaker = opened_by(Fault.CLOSING)
    breaker.probe_failed(Fault.CLOSING, NOW)
    breaker.probe_succeeded()
    for _ in range(4):
        succeed(breaker)
    assert breaker.end(breaker.begin(), Fault.CLOSING, answered=True, now=NOW + 500) is Change.FAILED
    assert (breaker.probe_at, breaker.failed_at) == (NOW + 503, NOW + 500)
    assert breaker.probe_succeeded() is Change.RECOVERED


def test_what_began_before_the_outage_says_nothing_about_the_time_after_it() -> None:
    """Late faults, late successes, late ends: none of them opens, closes or takes room."""
    breaker = a_breaker()
    before = [breaker.begin() for _ in range(5)]
    breaker.end(before.pop(), Fault.CONNECTION, answered=False, now=NOW)
    assert breaker.end(before.pop(), Fault.SILENCE, answered=False, now=NOW + 60) is None
    assert (breaker.cause, breaker.probe_at) == (Fault.CONNECTION, NOW + 3)
    breaker.probe_succeeded()
    assert breaker.end(before.pop(), Fault.CONNECTION, answered=False, now=NOW) is None
    assert breaker.end(before.pop(), None, answered=True, now=NOW) is None
    assert breaker.room == 1


def test_a_server_that_takes_no_more_is_given_no_more_for_a_minute() -> None:
    """Three connections serve and the fourth is refused: three at once for a minute, and no outage."""
    breaker = a_breaker()
    terms = [breaker.begin() for _ in range(4)]
    breaker.bound(terms.pop(), 3, NOW)
    assert (breaker.room, breaker.is_open, breaker.cause) == (0, False, None)
    for term in terms:
        assert breaker.end(term, None, answered=True, now=NOW + 59) is None
    breaker.ease(NOW + 59)
    assert breaker.room == 3
    breaker.ease(NOW + 60)
    assert breaker.is_closed


def test_a_bound_learnt_in_slow_start_holds_it_for_a_minute() -> None:
    """1, 2, and no more; after a minute the next success doubles on."""
    breaker = opened_by(Fault.CLOSING)
    breaker.probe_succeeded()
    succeed(breaker)
    succeed(breaker)
    assert breaker.room == 4
    breaker.bound(breaker.begin(), 2, NOW)
    breaker.ease(NOW + 99)
    assert (succeed(breaker), breaker.room) == (None, 2)
    breaker.end(breaker.begin(), None, answered=True, now=NOW + 60)
    assert breaker.room == 4


def test_a_bound_makes_nothing_wider_and_an_open_breaker_not_open() -> None:
    """One message too many of before an outage is no news after it, nor does it lift half-open."""
    breaker = a_breaker()
    early = breaker.begin()
    breaker.end(breaker.begin(), Fault.CONNECTION, answered=False, now=NOW)
    breaker.bound(early, 5, NOW)
    assert breaker.is_open
    breaker.probe_succeeded()
    breaker.bound(breaker.begin(), 5, NOW)
    assert breaker.room == 1


def test_where_nothing_can_be_probed_only_a_message_is_believed() -> None:
    """The folder: one message tries after 3 s, and "recovered" is said when it was written."""
    breaker = opened_by(Fault.CONNECTION, probed=False)
    assert (breaker.probe_succeeded(), breaker.room) == (None, 1)
    assert breaker.end(breaker.begin(), Fault.CONNECTION, answered=False, now=NOW) is Change.STILL_FAILED
    assert breaker.probe_succeeded() is None
    assert succeed(breaker) is Change.RECOVERED


def test_a_rate_allows_a_seconds_worth_at_once() -> None:
    """Twenty a second: twenty at once, then one each 50 ms, never more than twenty saved up."""
    rate = Rate(20)
    assert rate.room(NOW) == 20
    for _ in range(20):
        rate.take(NOW)
    assert [rate.room(NOW), rate.room(NOW + 0.051), rate.room(NOW + 0.51), rate.room(NOW + 99)] == [0, 1, 10, 20]


def test_a_rate_below_one_a_second_lets_one_go() -> None:
    """A quarter a second: one at once, the next after four seconds."""
    rate = Rate(0.25)
    rate.take(NOW)
    assert (rate.ready_in_s(NOW), rate.room(NOW + 3.9), rate.room(NOW + 4.01)) == (4.0, 0, 1)


def test_what_was_taken_ahead_is_paid_back() -> None:
    """Three more than there was room for: the next has room when all of them would have had."""
    rate = Rate(10)
    for _ in range(13):
        rate.take(NOW)
    assert (rate.room(NOW), rate.room(NOW + 0.3), rate.room(NOW + 0.41)) == (0, 0, 1)


def test_a_rate_holds_over_any_time() -> None:
    """Whoever takes whenever there is room never gets more than the rate and the first second's worth."""
    for per_second, step_s in itertools.product((0.5, 1, 3, 50), (0.01, 0.13, 1.7)):
        rate, taken, now = Rate(per_second), 0, NOW
        while now < NOW + 60:
            for _ in range(rate.room(now)):
                rate.take(now)
                taken += 1
            now += step_s
        assert taken <= 60 * per_second + max(1, per_second) + 1


def test_a_high_rate_is_told_of_in_handfuls() -> None:
    """A thousand a second rings twenty times a second, not a thousand times."""
    rate = Rate(1000)
    for _ in range(1000):
        rate.take(NOW)
    assert 0.04 < rate.ready_in_s(NOW) <= 0.05
    assert rate.ready_in_s(NOW + 1) == 0
