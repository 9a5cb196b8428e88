"""The instrument itself: it must be able to say no."""

import pytest
from sqlalchemy import Connection, select

from gatepost.accounts.tables import accounts
from gatepost.outbox import search
from gatepost.outbox.tables import messages
from tests.conformance.plans.filled import Filled


def test_a_statement_without_an_index_is_reported(settled: Filled) -> None:
    """Looking for a value of a column that no index has is a full scan, and is called one."""

    def work(tx: Connection) -> None:
        tx.execute(select(messages.c.id).where(messages.c.request_id == "nobody's")).all()

    found = settled.examine_work(work)
    assert {"messages"} == found.scanned
    with pytest.raises(AssertionError):
        found.assert_searched(steps=10**9, pages=10**9)


def test_a_walk_through_a_whole_index_is_reported(settled: Filled) -> None:
    """Reading the table in the order of an index, without a place to begin and to end, is a scan as well."""
    found = settled.examine_work(lambda tx: tx.execute(select(accounts.c.address_key)).first())
    assert {"accounts"} == found.scanned


@pytest.mark.parametrize(
    ("indexes", "filters"),
    [
        (("ix_messages_state", "ix_messages_template"), {"state": "held"}),
        (("ix_messages_template",), {"template": "welcome"}),
        (("ix_messages_recipient_key",), {"recipient_keys": ["person8@example.com"]}),
    ],
)
def test_a_page_without_its_index_is_reported(
    settled: Filled, indexes: tuple[str, ...], filters: dict[str, str]
) -> None:
    """Take away the index a page is searched by, and the page is no longer found without a scan or a long walk."""
    found = settled.examine_work(lambda tx: search.page(tx, **filters), without=indexes)
    with pytest.raises(AssertionError):
        found.assert_searched(steps=25_000, pages=300)


def test_work_is_counted(settled: Filled) -> None:
    """Ten times the rows are about ten times the work: neither database hides it."""
    few = settled.examine_work(lambda tx: search.page(tx, limit=20)).work
    many = settled.examine_work(lambda tx: search.page(tx, limit=200)).work
    assert 8 < many / few < 12
