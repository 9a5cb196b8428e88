"""What the page of a message reads costs the same however many there are: somebody is on the phone meanwhile."""

import uuid

from gatepost.admin.message_seen import read_seen
from gatepost.suppression.hiding import Hiding
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import NOW_MS, row_id
from tests.support.gate import SECRET


def test_a_message_and_all_about_it_are_looked_up(settled: Filled) -> None:
    """Its tries, what came back, who opened its link, its account, and what stops mail to its recipient."""
    newest = uuid.UUID(bytes=row_id(99_999, NOW_MS - 60_000))
    hiding = Hiding([SECRET])
    settled.examine_work(lambda tx: read_seen(tx, newest, hiding=hiding, now_ms=NOW_MS)).assert_searched(
        steps=2_000, pages=100
    )
