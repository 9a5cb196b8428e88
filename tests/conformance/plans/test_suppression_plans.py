"""What is asked and written about suppressed addresses costs the same however many of them there are."""

import uuid
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection

from gatepost.audit.trail import Signature
from gatepost.suppression.check import RESET, check
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.lift import hide, lift, lift_bounces
from gatepost.suppression.page import of_address, page
from gatepost.suppression.prune import BATCH, prune_soft_bounces, prune_suppressions
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.soft import note_soft
from gatepost.suppression.suppress import suppress
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, GONE, NOW_MS, gone_address, row_id

SLOTS = 16
HIDING = Hiding(["a secret of the tests, long enough to be one", "another one, which was the first before"])
BOUNCED, SOFT, COMPLAINED = (gone_address(5_000 + number) for number in range(3))


@dataclass(frozen=True)
class Message:
    """What a check looks at."""

    recipient_key: str
    template: str = RESET
    security: bool = True
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@pytest.mark.parametrize("addresses", ["free{}@example.com", "gone{}@example.com"])
def test_a_claim_asks_by_the_index(settled: Filled, addresses: str) -> None:
    """Sixteen recipients under three forms each, of whom none or all are suppressed and ask for a reset."""
    wanted = [Message(addresses.format(100 + number)) for number in range(SLOTS)]

    def work(tx: Connection) -> None:
        assert len(check(tx, HIDING, wanted, NOW_MS)) == (0 if "free" in addresses else 6)

    settled.examine_work(work).assert_searched(steps=8_000, pages=400)


@pytest.mark.parametrize("address", [BOUNCED, "free@example.com"])
def test_a_suppression_is_written_by_the_index(settled: Filled, address: str) -> None:
    """One that is new and one that is renewed."""

    def work(tx: Connection) -> None:
        suppress(
            tx,
            HIDING,
            address=address,
            address_key=address,
            scope=Scope.ALL,
            reason=Reason.HARD_BOUNCE,
            source="smtp",
            now_ms=NOW_MS,
        )

    settled.examine_work(work).assert_searched(steps=1_000, pages=60)


def test_lifting_and_hiding_find_by_the_index(settled: Filled) -> None:
    """By an operator, by a reset, and of a person who is erased."""

    def work(tx: Connection) -> None:
        lift(tx, uuid.UUID(bytes=row_id(5_000, NOW_MS - (GONE - 5_000) * 60_000)))
        assert lift_bounces(tx, HIDING, SOFT, by=Signature(actor="test"), now_ms=NOW_MS)
        assert () == lift_bounces(tx, HIDING, "free@example.com", by=Signature(actor="test"), now_ms=NOW_MS)
        assert 1 == hide(tx, HIDING, COMPLAINED)
        assert 0 == hide(tx, HIDING, "free@example.com")

    settled.examine_work(work).assert_searched(steps=1_500, pages=80)


def test_a_soft_bounce_is_counted_by_the_index(settled: Filled) -> None:
    """Among those of one address."""

    def work(tx: Connection) -> None:
        note_soft(tx, gone_address(7), bytes(16), NOW_MS)

    settled.examine_work(work).assert_searched(steps=1_000, pages=60)


def test_the_suppressions_of_one_address_are_found(settled: Filled) -> None:
    """By support, and for a person who asks what is kept."""

    def work(tx: Connection) -> None:
        assert page(tx, HIDING, recipient_key=BOUNCED)
        assert of_address(tx, HIDING.forms(BOUNCED))

    settled.examine_work(work).assert_searched(steps=2_000, pages=100)


@pytest.mark.parametrize("reason", [None, Reason.COMPLAINT])
def test_a_page_is_read_along_the_ids(settled: Filled, reason: Reason | None) -> None:
    """Newest first, for one reason or all."""
    before = uuid.UUID(bytes=row_id(9_000, NOW_MS - (GONE - 9_000) * 60_000))

    def work(tx: Connection) -> None:
        assert len(page(tx, HIDING, reason=reason)) == 50
        assert len(page(tx, HIDING, reason=reason, before=before)) == 50

    settled.examine_work(work).assert_searched(steps=20_000, pages=700)


def test_what_has_ended_is_found_by_when_it_ends(settled: Filled) -> None:
    """A batch of each."""

    def work(tx: Connection) -> None:
        assert prune_suppressions(tx, NOW_MS + 10 * DAY_MS) == BATCH
        assert prune_soft_bounces(tx, NOW_MS) == BATCH

    settled.examine_work(work).assert_searched(steps=60_000, pages=8_000)
