"""Writing suppressions down: one for each reason, renewed and never weakened, hidden and lifted."""

import uuid

import pytest

from gatepost.database.connection import Database
from gatepost.errors import NoSuchSuppression
from gatepost.suppression.lift import lift
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import EXPIRES_IN_S, suppressed_event
from tests.support.suppressing import DAY_MS, MIRA, NOW_MS, row, rows, suppressed

MESSAGE = uuid.UUID(int=7)


@pytest.mark.parametrize("reason", Reason)
async def test_each_reason_lasts_as_long_as_it_is_documented(database: Database, reason: Reason) -> None:
    """A hard bounce a year, soft bounces two weeks, what a person said until it is lifted."""
    days = {Reason.HARD_BOUNCE: 365, Reason.SOFT_BOUNCES: 14}.get(reason)
    made = await suppressed(database, reason)
    assert (None if days is None else NOW_MS + days * DAY_MS) == made.expires_at
    assert (None if days is None else days * 24 * 3600) == EXPIRES_IN_S[reason]


async def test_the_same_reason_again_renews_what_is_there(database: Database) -> None:
    """The last word and message are told, the end moves back, and id and beginning stay."""
    first = await suppressed(database, Reason.HARD_BOUNCE, detail="no such user")
    again = await suppressed(
        database, Reason.HARD_BOUNCE, now_ms=NOW_MS + DAY_MS, source="ses", detail="gone", message=MESSAGE
    )
    assert (True, False, first.id) == (first.is_new, again.is_new, again.id)
    stored = await row(database, first.id)
    assert ("ses", "gone", MESSAGE, NOW_MS, NOW_MS + 366 * DAY_MS) == (
        stored["source"],
        stored["detail"],
        stored["message"],
        stored["created_at"],
        stored["expires_at"],
    )


async def test_it_never_ends_sooner_than_before(database: Database) -> None:
    """A shorter time changes nothing, and what lasts until it is lifted goes on doing so."""
    await suppressed(database, Reason.HARD_BOUNCE)
    again = await suppressed(database, Reason.HARD_BOUNCE, expires_in_s=60)
    assert again.expires_at == NOW_MS + 365 * DAY_MS
    await suppressed(database, Reason.OPERATOR)
    assert (await suppressed(database, Reason.OPERATOR, expires_in_s=60)).expires_at is None


async def test_a_time_that_was_given_can_become_endless(database: Database) -> None:
    """An operator who says no end after a day means no end."""
    assert (await suppressed(database, Reason.OPERATOR, expires_in_s=86_400)).expires_at == NOW_MS + DAY_MS
    assert (await suppressed(database, Reason.OPERATOR)).expires_at is None


@pytest.mark.parametrize("first", Scope)
@pytest.mark.parametrize("second", Scope)
async def test_a_scope_only_widens(database: Database, first: Scope, second: Scope) -> None:
    """Two complaints stop what either of them stops."""
    await suppressed(database, Reason.COMPLAINT, scope=first)
    made = await suppressed(database, Reason.COMPLAINT, scope=second)
    assert made.scope is (Scope.ALL if Scope.ALL in (first, second) else Scope.ALL_BUT_SECURITY)


async def test_what_has_ended_begins_anew(database: Database) -> None:
    """Of a suppression that is over nothing is kept: neither its scope nor its beginning nor its reset of the day."""
    first = await suppressed(database, Reason.OPERATOR, expires_in_s=60)
    later = NOW_MS + 60_000
    again = await suppressed(database, Reason.OPERATOR, now_ms=later, scope=Scope.ALL_BUT_SECURITY)
    assert again.is_new
    assert again.id != first.id
    (stored,) = await rows(database)
    assert (str(Scope.ALL_BUT_SECURITY), later, None) == (stored["scope"], stored["created_at"], stored["expires_at"])


async def test_reasons_stand_beside_each_other(database: Database) -> None:
    """An address has one suppression for each reason, and lifting one leaves the others."""
    made = [await suppressed(database, reason) for reason in Reason]
    assert len({one.id for one in made}) == len(Reason)
    lifted = await database.write(lambda tx: lift(tx, made[0].id))
    assert (lifted.reason, lifted.address, lifted.address_key) == (Reason.HARD_BOUNCE, MIRA, MIRA)
    assert {one.id for one in made[1:]} == {one["id"] for one in await rows(database)}


async def test_lifting_twice_says_that_it_is_gone(database: Database) -> None:
    """Of two operators who lift it at once the second is told."""
    made = await suppressed(database, Reason.OPERATOR)
    await database.write(lambda tx: lift(tx, made.id))
    with pytest.raises(NoSuchSuppression):
        await database.write(lambda tx: lift(tx, made.id))


async def test_words_of_servers_are_stored_as_one_line(database: Database) -> None:
    """Control characters, halves of characters and endless text cannot break a row or a log line."""
    made = await suppressed(database, Reason.HARD_BOUNCE, detail=f" 550\r\n5.1.1\x00 no\udc80 user{'!' * 600}")
    detail = (await row(database, made.id))["detail"]
    assert detail.startswith("550 5.1.1 no user!!!")
    assert len(detail) == 500


async def test_the_event_masks_the_address(database: Database) -> None:
    """What is told of a suppression names nobody."""
    made = await suppressed(database, Reason.HARD_BOUNCE, message=MESSAGE)
    event = suppressed_event(
        made, address=MIRA, reason=Reason.HARD_BOUNCE, source="smtp", now_ms=NOW_MS, message=MESSAGE
    )
    assert ("m***@example.com", "hard_bounce", "all", 365 * 86_400, str(MESSAGE)) == (
        event.recipient,
        event.reason,
        event.scope,
        event.expires_in_s,
        event.message,
    )
    nobody = suppressed_event(made, address=None, reason=Reason.HARD_BOUNCE, source="smtp", now_ms=NOW_MS)
    assert nobody.recipient == "***"
