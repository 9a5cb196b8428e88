"""What the mailbox page reads costs the same however many messages there are: it is read several times a second."""

from functools import partial

from gatepost.outbox.lately import not_arrived_and_why, story_of
from tests.conformance.plans.filled import Filled


def test_what_has_not_arrived_is_searched(filled: Filled) -> None:
    """One short look for each state, and one for the last try of each message that is shown."""
    filled.examine_work(partial(not_arrived_and_why, limit=20)).assert_searched(steps=25_000, pages=1_000)


def test_a_message_is_searched_by_its_message_id(filled: Filled) -> None:
    """Found or not, it is one look into an index."""
    filled.examine_work(partial(story_of, message_id="<nobody@example.com>")).assert_searched(steps=1_000, pages=20)
