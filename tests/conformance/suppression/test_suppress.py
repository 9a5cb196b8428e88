"""Writing suppressions down: one for each reason, renewed and never weakened, hidden and lifted."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from gatepost.audit.trail import Deed, done_to, record
from gatepost.database.connection import Database
from gatepost.errors import NoSuchSuppression
from gatepost.suppression.hiding import Hiding, is_hidden
from gatepost.suppression.lift import hide, lift
from gatepost.suppression.page import MAX_PAGE, of_address, page
from gatepost.suppression.prune import BATCH, prune_soft_bounces, prune_suppressions
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.soft import TOO_MANY, WITHIN_S, note_soft
from gatepost.suppression.suppress import EXPIRES_IN_S, suppress, suppressed_event
from gatepost.suppression.tables import soft_bounces
from tests.support.suppressing import DAY_MS, HIDING, MIRA, NOW_MS, row, rows, suppressed

MESSAGE = uuid.UUID(int=7)
ZOE = "zoe@example.com"


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


# ---- hidden: the address of a person who was erased ---------------------------------------------------------------


async def test_what_is_hidden_is_found_by_the_address_alone(database: Database) -> None:
    """The row names nobody, and whoever knows the address still finds it."""
    await suppressed(database, Reason.COMPLAINT, detail="mira said so", message=MESSAGE)
    assert await database.write(lambda tx: hide(tx, HIDING, MIRA)) == 1
    (stored,) = await rows(database)
    assert is_hidden(stored["address_key"])
    assert "mira" not in repr(stored)
    assert (None, None, None) == (stored["address"], stored["detail"], stored["message"])
    (found,) = await database.read(lambda connection: page(connection, HIDING, recipient_key=MIRA))
    assert found.is_hidden
    assert [found] == await database.read(lambda connection: of_address(connection, HIDING.forms(MIRA)))


async def test_hiding_forgets_why_an_operator_did_it(database: Database) -> None:
    """A reason may name the person; who did it and when stays."""
    made = await suppressed(database, Reason.OPERATOR)
    deed = Deed(
        at=NOW_MS,
        actor="admin token",
        action="suppress",
        result=None,
        state_before=None,
        state_after="operator",
        reason="mira called",
        request_id=None,
    )
    await database.write(lambda tx: record(tx, made.id, deed))
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    assert (replace(deed, reason=None),) == await database.read(lambda connection: done_to(connection, made.id))


async def test_hiding_merges_with_what_is_hidden_already(database: Database) -> None:
    """Erased twice: one row for the reason, with the wider scope and the later end."""
    await suppressed(database, Reason.COMPLAINT, scope=Scope.ALL_BUT_SECURITY)
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    # As an earlier version of the row may stand beside it: written under the address, past the one that is hidden.
    other = Hiding(["another secret of the tests, long enough"])
    await suppressed(database, Reason.COMPLAINT, scope=Scope.ALL, hiding=other)
    assert len(await rows(database)) == 2
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    (stored,) = await rows(database)
    assert ("all", True) == (stored["scope"], is_hidden(stored["address_key"]))


async def test_a_late_word_about_an_erased_person_stays_hidden(database: Database) -> None:
    """A bounce that comes after the erasure renews the hidden row and brings no address back."""
    first = await suppressed(database, Reason.HARD_BOUNCE)
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    again = await suppressed(database, Reason.HARD_BOUNCE, now_ms=NOW_MS + DAY_MS, detail="mira is gone")
    assert (first.id, False, NOW_MS + 366 * DAY_MS) == (again.id, again.is_new, again.expires_at)
    assert "mira" not in repr(await rows(database))


async def test_a_hidden_form_can_be_suppressed_itself(database: Database) -> None:
    """A link in a mail of long ago knows no more than the hidden form."""
    await suppressed(database, Reason.UNSUBSCRIBED, address=HIDING.hide(MIRA))
    (found,) = await database.read(lambda connection: page(connection, HIDING, recipient_key=MIRA))
    assert (True, None) == (found.is_hidden, found.address)


async def test_hiding_leaves_others_alone(database: Database) -> None:
    """Only the one address is hidden."""
    await suppressed(database, Reason.OPERATOR, ZOE)
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    assert [ZOE] == [one["address"] for one in await rows(database)]


# ---- soft bounces -------------------------------------------------------------------------------------------------


async def _note(database: Database, number: int, now_ms: int = NOW_MS, address: str = MIRA) -> bool:
    cause = number.to_bytes(16, "big")
    return await database.write(lambda tx: note_soft(tx, address, cause, now_ms))


async def _soft(database: Database) -> int:
    return await database.read(
        lambda connection: connection.execute(select(func.count(soft_bounces.c.at))).scalar_one()
    )


async def test_five_messages_that_came_back_are_too_many(database: Database) -> None:
    """The fifth says so, and every further one; another address begins at one."""
    assert [False] * 4 + [True] * 2 == [await _note(database, number) for number in range(6)]
    assert not await _note(database, 0, address=ZOE)


async def test_one_message_counts_once(database: Database) -> None:
    """The same report again, or a report about what the server said already, is no further one."""
    for _ in range(TOO_MANY + 1):
        assert not await _note(database, 1)
    assert await _soft(database) == 1
    for number in range(TOO_MANY):
        await _note(database, number)
    assert not await _note(database, 1)  # also after the one too many: it is no word of today


async def test_what_is_older_than_thirty_days_does_not_count(database: Database) -> None:
    """Four long ago and one today are one."""
    for number in range(4):
        await _note(database, number)
    assert not await _note(database, 4, NOW_MS + WITHIN_S * 1000)
    assert await database.write(lambda tx: prune_soft_bounces(tx, NOW_MS + WITHIN_S * 1000)) == 4
    assert await _soft(database) == 1


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.SOFT_BOUNCES])
async def test_lifting_forgets_what_was_counted(database: Database, reason: Reason) -> None:
    """After it is lifted a mailbox has all its chances, and not none."""
    for number in range(TOO_MANY):
        await _note(database, number)
    made = await suppressed(database, reason)
    await database.write(lambda tx: lift(tx, made.id))
    assert not await _note(database, TOO_MANY)


async def test_erasing_forgets_what_was_counted(database: Database) -> None:
    """Single soft bounces stop nothing, so nothing of them is kept of a person who was erased."""
    await _note(database, 1)
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    assert await _soft(database) == 0


# ---- reading and pruning ------------------------------------------------------------------------------------------


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
