"""Pages of suppressions, and what goes when it has ended."""

from gatepost.database.connection import Database
from gatepost.suppression.page import MAX_PAGE, page
from gatepost.suppression.prune import BATCH, prune_suppressions
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import suppress
from tests.support.suppressing import DAY_MS, HIDING, MIRA, NOW_MS, rows, suppressed

ZOE = "zoe@example.com"


async def test_pages_go_from_the_newest_to_the_oldest(database: Database) -> None:
    """Page by page each is seen once; a page has a bound."""

    def many(tx: object) -> None:
        for number in range(MAX_PAGE + 3):
            suppress(
                tx,  # type: ignore[arg-type]
                HIDING,
                address=None,
                address_key=f"p{number}@example.com",
                scope=Scope.ALL,
                reason=Reason.OPERATOR,
                source="admin token",
                now_ms=NOW_MS,
            )

    await database.write(many)
    seen, before = [], None
    while found := await database.read(lambda connection: page(connection, HIDING, before=before, limit=10_000)):  # noqa: B023
        assert len(found) <= MAX_PAGE
        seen += found
        before = found[-1].id
    assert sorted((one.id for one in seen), reverse=True) == [one.id for one in seen]
    assert len({one.address_key for one in seen}) == MAX_PAGE + 3


async def test_a_page_is_of_one_address_or_one_reason(database: Database) -> None:
    """Both at once are both."""
    for address in (MIRA, ZOE):
        for reason in (Reason.COMPLAINT, Reason.OPERATOR):
            await suppressed(database, reason, address)

    async def count(**which: object) -> int:
        return len(await database.read(lambda connection: page(connection, HIDING, **which)))  # type: ignore[arg-type]

    assert (4, 2, 2, 1) == (
        await count(),
        await count(recipient_key=MIRA),
        await count(reason=Reason.OPERATOR),
        await count(recipient_key=MIRA, reason=Reason.OPERATOR),
    )


async def test_what_has_ended_is_deleted_in_bounded_batches(database: Database) -> None:
    """Only what has ended goes, and never more than a batch at once."""

    def many(tx: object) -> None:
        for number in range(BATCH + 1):
            suppress(
                tx,  # type: ignore[arg-type]
                HIDING,
                address=None,
                address_key=f"p{number}@example.com",
                scope=Scope.ALL,
                reason=Reason.SOFT_BOUNCES,
                source="smtp",
                now_ms=NOW_MS,
            )

    await database.write(many)
    kept = [await suppressed(database, Reason.HARD_BOUNCE), await suppressed(database, Reason.COMPLAINT)]
    later = NOW_MS + 14 * DAY_MS
    assert [0, BATCH, 1, 0] == [
        await database.write(lambda tx: prune_suppressions(tx, at))  # noqa: B023
        for at in (later - 1, later, later, later)
    ]
    assert {one.id for one in kept} == {one["id"] for one in await rows(database)}
