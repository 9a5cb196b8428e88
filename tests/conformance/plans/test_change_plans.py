"""What a signed-in person asks for costs the same however many accounts, tokens and messages there are."""

from dataclasses import replace

from sqlalchemy import Connection, select, update

from gatepost.accounts import tokens
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import begin_session
from gatepost.accounts.tables import accounts, address_changes
from gatepost.accounts.tokens import Purpose
from gatepost.accounts.wanted_address import prune_address_changes
from gatepost.database.connection import Database
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, NOW_MS, account_id, address_of
from tests.conformance.plans.test_account_plans import UNVERIFIED, VERIFIED
from tests.support.changes import NEW_PASSWORD, Changes
from tests.support.flows import PASSWORD, Flows


async def _signed_in(gate: Gate, database: Database) -> Changes:
    """A person whose account is one of many; the password is one we know."""
    person = Changes(Flows(replace(gate, database=database)))
    hashed = await gate.passwords.hash(PASSWORD)

    def work(tx: Connection) -> None:
        known = update(accounts).where(accounts.c.id == account_id(VERIFIED)).values(password_hash=hashed)
        tx.execute(known)
        begin_session(tx, gate, account_id(VERIFIED), None, NOW_MS)

    await database.write(work)
    return person


def _mailed(tx: Connection, gate: Gate) -> tuple[str, str]:
    """The two tokens of the newest wish, as they go out."""
    newest = tx.execute(select(address_changes).order_by(address_changes.c.id.desc()).limit(1)).one()
    both = ((Purpose.ADDRESS_CHANGE, newest.confirm_token), (Purpose.ADDRESS_UNDO, newest.undo_token))
    confirm, undo = (tokens.renew(tx, gate.keys, purpose, [one], NOW_MS)[one] for purpose, one in both)
    return confirm, undo


def test_changes_of_an_account_look_up_what_they_need(settled: Filled, gate: Gate) -> None:
    """Sign in, another name, another password, another address, its proof, and the way back."""

    async def act(database: Database) -> None:
        person = await _signed_in(gate, database)
        who = await person.sign_in(address_of(VERIFIED))
        await person.change_profile(who, name="Another")
        await person.change_password(who)
        await person.request(who, address_of(UNVERIFIED), NEW_PASSWORD)
        confirm, undo = await database.write(lambda tx: _mailed(tx, gate))
        await person.confirm(confirm)  # erases an account that nobody proved
        await person.undo(undo)

    settled.examine(act).assert_searched(steps=5_000, pages=300)


def test_forgetting_old_wishes_looks_at_nothing_where_there_are_none(settled: Filled) -> None:
    """The chore costs one look."""
    settled.examine_work(lambda tx: prune_address_changes(tx, NOW_MS + 90 * DAY_MS)).assert_searched(
        steps=200, pages=20
    )
