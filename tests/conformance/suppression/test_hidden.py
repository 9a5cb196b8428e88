"""Suppressions of people who were erased: hidden, still found by the address, and never brought back."""

import uuid
from dataclasses import replace

from gatepost.audit.trail import Deed, done_to, record
from gatepost.database.connection import Database
from gatepost.suppression.hiding import Hiding, is_hidden
from gatepost.suppression.lift import hide
from gatepost.suppression.page import of_address, page
from gatepost.suppression.reason import Reason, Scope
from tests.support.suppressing import DAY_MS, HIDING, MIRA, NOW_MS, rows, suppressed

MESSAGE = uuid.UUID(int=7)
ZOE = "zoe@example.com"


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
