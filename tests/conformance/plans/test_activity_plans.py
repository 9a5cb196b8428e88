"""What the activity page reads costs the same however many messages there are: it is read twice a second."""

from functools import partial

from gatepost.activity.counts import count_settled, time_to_acceptance_ms
from gatepost.activity.replies import last_replies
from gatepost.activity.tally import DAY_MS, MINUTE_MS, SECOND_MS
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import NOW_MS


def test_the_newest_seconds_are_searched(filled: Filled) -> None:
    """What is counted twice a second is a stretch of one index, whatever lies before it."""
    newest = partial(count_settled, width_ms=SECOND_MS, from_ms=NOW_MS - 5_000, until_ms=None)
    filled.examine_work(newest).assert_searched(steps=1_000, pages=30)


def test_a_day_is_counted_along_the_index(settled: Filled) -> None:
    """When all is counted anew it is read in the index alone: no row of a message is."""
    day = partial(count_settled, width_ms=MINUTE_MS, from_ms=NOW_MS - DAY_MS, until_ms=NOW_MS)
    settled.examine_work(day).assert_searched(steps=100_000, pages=150)


def test_the_time_to_acceptance_is_searched(filled: Filled) -> None:
    """A bounded number of the newest entries of one index."""
    filled.examine_work(partial(time_to_acceptance_ms, now_ms=NOW_MS)).assert_searched(steps=20_000, pages=100)


def test_the_last_replies_are_searched(filled: Filled) -> None:
    """Through the newest messages, and never through the tries themselves."""
    filled.examine_work(last_replies).assert_searched(steps=10_000, pages=100)
