"""What operators and Prometheus ask costs the same however many messages there are."""

import uuid

import pytest
from sqlalchemy import Connection

from gatepost.outbox import search
from gatepost.outbox.delay import is_held_up
from gatepost.outbox.depths import depths
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import (
    BACKLOG,
    DAY_MS,
    FLOOD,
    FLOODED,
    HIDDEN,
    NOW_MS,
    address_of,
    row_id,
)

_ONE = {"recipient_keys": [address_of(8), f"{HIDDEN}0008"]}
_FILTERS = [
    {},
    *({"state": state} for state in ("accepted", "cancelled", "unknown", "held", "queued", "sending", "bounced")),
    *({"template": template} for template in ("verification", "password_changed", "no_such")),
    *(
        {"template": template, "state": state}
        for template in ("verification", "password_changed", "no_such")
        for state in ("accepted", "failed", "held", "queued")
    ),
    _ONE,
    *(_ONE | {"state": state} for state in ("accepted", "held", "queued")),
    *(_ONE | {"template": template} for template in ("welcome", "no_such")),
    _ONE | {"template": "welcome", "state": "accepted"},
    {"recipient_keys": ["nobody@example.com"]},
]
_OLDER = uuid.UUID(bytes=row_id(0, NOW_MS - 30 * DAY_MS))
_OLDEST = uuid.UUID(bytes=row_id(0, NOW_MS - 69 * DAY_MS))


@pytest.mark.parametrize("filters", _FILTERS, ids=str)
def test_a_page_is_searched(filled: Filled, filters: dict[str, str]) -> None:
    """Every filter, alone or with others, on the first page or a late one, looks at little more than it shows."""

    def work(tx: Connection) -> None:
        for before in (None, _OLDER, _OLDEST):
            search.page(tx, **filters, before=before)

    filled.examine_work(work).assert_searched(steps=25_000, pages=300)


def test_the_largest_page_is_searched(settled: Filled) -> None:
    """The largest page costs what it shows."""
    found = settled.examine_work(lambda tx: search.page(tx, template="verification", limit=search.MAX_PAGE))
    found.assert_searched(steps=100_000, pages=1_200)


@pytest.mark.parametrize("filters", [{"state": "accepted"}, {"template": "welcome"}, {"state": "held"}], ids=str)
def test_a_flooded_recipient_costs_its_own_messages(settled: Filled, filters: dict[str, str]) -> None:
    """A state or template of one recipient is found among that recipient's messages, and among no others."""
    keys = [address_of(FLOODED), f"{HIDDEN}0007"]
    found = settled.examine_work(lambda tx: search.page(tx, recipient_keys=keys, **filters))
    found.assert_searched(steps=20 * FLOOD, pages=FLOOD)


def test_a_flooded_recipients_page_is_searched(settled: Filled) -> None:
    """The newest messages of a recipient with thousands are no more work than anybody's."""
    keys = [address_of(FLOODED), f"{HIDDEN}0007"]
    settled.examine_work(lambda tx: search.page(tx, recipient_keys=keys)).assert_searched(steps=5_000, pages=300)


def test_one_message_is_looked_up(settled: Filled) -> None:
    """A message and its attempts are two look-ups."""
    newest = uuid.UUID(bytes=row_id(99_999, NOW_MS - 60_000))
    settled.examine_work(lambda tx: search.find(tx, newest)).assert_searched(steps=200, pages=10)


def test_depths_of_months_count_what_is_not_over(settled: Filled) -> None:
    """A look at /metrics reads the index of the few thousand messages that are not over, and of none of the others."""
    settled.examine_work(depths).assert_searched(steps=100_000, pages=400)


def test_depths_of_a_backlog_are_bounded(backlog: Filled) -> None:
    """A hundred thousand that wait are counted in the index alone, and more than that are not counted."""

    def work(tx: Connection) -> None:
        assert 100_000 == depths(tx).by_state["queued"] < BACKLOG.states["queued"]

    backlog.examine_work(work).assert_searched(steps=2_000_000, pages=1_500)


def test_a_delay_is_found_in_the_index(filled: Filled) -> None:
    """With months of messages or a hundred thousand that wait: a few entries, because every page may ask."""
    found = filled.examine_work(lambda tx: is_held_up(tx, NOW_MS, alone=False))
    found.assert_searched(steps=3_000, pages=60)
