"""What operators do to an account, and what is written down about it."""

import uuid

import pytest
from sqlalchemy import Connection, select

from gatepost.accounts.deletion import delete_account
from gatepost.accounts.operators import AccountAction, act_on_account, find_account, sessions_of
from gatepost.accounts.sessions import Current, find_session
from gatepost.accounts.sign_in import SignedIn, sign_in
from gatepost.accounts.tokens import EVERY, issue
from gatepost.audit.tables import audit
from gatepost.audit.trail import Signature
from gatepost.errors import BadToken, InvalidInput, NoSuchAccount, NoSuchSession, NotSignedIn, SignInFailed
from gatepost.events import AccountActedOn, Event, SignedOut
from tests.support.flows import ADDRESS, PASSWORD, Flows

BY = Signature(actor="admin token", reason="asked by phone", request_id="request-8")
NOBODY = uuid.UUID(int=1)


async def _sign_in(flows: Flows) -> SignedIn:
    return await sign_in(flows.gate, email=ADDRESS, password=PASSWORD, request_id="request-6")


async def _delete(flows: Flows, signed_in: SignedIn) -> None:
    current = Current(signed_in.account, signed_in.session.id)
    await delete_account(flows.gate, current, current_password=PASSWORD, request_id="request-7")


async def _disable(flows: Flows, signed_in: SignedIn) -> None:
    await act_on_account(flows.gate, AccountAction.DISABLE, signed_in.account.id, BY)


async def _signed_in(flows: Flows, token: str) -> bool:
    try:
        return bool(await find_session(flows.gate, token))
    except NotSignedIn:
        return False


async def _deeds(flows: Flows) -> list[tuple[str, str, str]]:
    def query(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(select(audit).order_by(audit.c.id)).mappings()
        return [(row["action"], row["state_before"], row["state_after"]) for row in rows]

    return await flows.gate.database.read(query)


@pytest.mark.parametrize("shut", [_delete, _disable])
async def test_s49_deletion_and_disable_end_every_session(flows: Flows, shut) -> None:  # type: ignore[no-untyped-def]
    """A token that was good a moment before is good no more, on this device or any other."""
    await flows.registered_and_verified()
    here, elsewhere = await _sign_in(flows), await _sign_in(flows)
    assert [True, True] == [await _signed_in(flows, one.token) for one in (here, elsewhere)]
    await shut(flows, here)
    assert [] == await flows.sessions()  # they are gone, not only held up: enabling or restoring brings none back
    assert [False, False] == [await _signed_in(flows, one.token) for one in (here, elsewhere)]
    with pytest.raises(SignInFailed):
        await _sign_in(flows)


@pytest.mark.parametrize("shut", [_delete, _disable])
async def test_s34_deletion_and_disable_void_every_token(flows: Flows, shut) -> None:  # type: ignore[no-untyped-def]
    """Links that were mailed lead nowhere; a deletion leaves an old address the way to undo its change (0027)."""
    gate, account_id = flows.gate, await flows.registered_and_verified()
    signed_in = await _sign_in(flows)
    await flows.request_reset()
    mailed = (await flows.deliver())["password_reset"]
    for purpose in sorted(EVERY):
        await gate.database.write(
            lambda tx, purpose=purpose: issue(
                tx, gate.keys, purpose, account_id=account_id, address_key=ADDRESS, now_ms=gate.clock.now_ms()
            )
        )
    await shut(flows, signed_in)
    with pytest.raises(BadToken):
        await flows.reset(mailed)
    still_open = [row["purpose"] for row in await flows.tokens() if row["used_at"] is row["voided_at"] is None]
    assert (["address_undo"] if shut is _delete else []) == still_open


async def test_a_disabled_account_is_written_to_no_more(flows: Flows) -> None:
    """What waits is cancelled, and the row says why."""
    await flows.registered_and_verified()
    signed_in = await _sign_in(flows)
    await flows.deliver()
    await flows.request_reset()
    await _disable(flows, signed_in)
    assert [("password_reset", "cancelled", "disabled")] == [
        one for one in await flows.outbox() if one[0] == "password_reset"
    ]


async def test_an_enabled_account_is_as_before_but_for_its_sessions(flows: Flows) -> None:
    """The password was not touched, and no session comes back to life."""
    await flows.registered_and_verified()
    before = await _sign_in(flows)
    await _disable(flows, before)
    account = await act_on_account(flows.gate, AccountAction.ENABLE, before.account.id, BY)
    assert account.disabled_at is None
    assert not await _signed_in(flows, before.token)
    assert (await _sign_in(flows)).account.id == before.account.id


async def test_s52_an_operator_ends_one_session_or_all(flows: Flows) -> None:
    """The others last; whoever knows the password signs in again."""
    account_id = await flows.registered_and_verified()
    first, second, third = [await _sign_in(flows) for _ in range(3)]
    listed = await sessions_of(flows.gate, account_id)
    assert {first.session.id, second.session.id, third.session.id} == {one.id for one in listed}
    await act_on_account(flows.gate, AccountAction.END_SESSIONS, account_id, BY, session_id=second.session.id)
    assert [True, False, True] == [await _signed_in(flows, one.token) for one in (first, second, third)]
    await act_on_account(flows.gate, AccountAction.END_SESSIONS, account_id, BY)
    assert [False, False, False] == [await _signed_in(flows, one.token) for one in (first, second, third)]
    assert [] == await sessions_of(flows.gate, account_id)


async def test_a_session_of_somebody_else_is_none_of_this_account(flows: Flows) -> None:
    """Whoever mistakes an id ends nobody else's session, and nothing is written down."""
    await flows.registered_and_verified()
    mira = await _sign_in(flows)
    bo = await flows.registered_and_verified("bo@example.com")
    with pytest.raises(NoSuchSession):
        await act_on_account(flows.gate, AccountAction.END_SESSIONS, bo, BY, session_id=mira.session.id)
    assert (True, []) == (await _signed_in(flows, mira.token), await _deeds(flows))


async def test_what_is_done_is_written_down_with_it(flows: Flows, heard: list[Event]) -> None:
    """Who, what, and how the account stood before and after; once for each time."""
    account_id = await flows.registered_and_verified()
    await _sign_in(flows)
    del heard[:]
    for action in (*AccountAction, AccountAction.DISABLE, AccountAction.DISABLE):
        await act_on_account(flows.gate, action, account_id, BY)
    assert [  # those of one millisecond stand in any order
        ("disable", "active", "disabled"),
        ("disable", "active", "disabled"),
        ("disable", "disabled", "disabled"),
        ("enable", "disabled", "active"),
        ("end_sessions", "active", "active"),
    ] == sorted(await _deeds(flows))
    of = {"account_id": str(account_id), "request_id": "request-8"}
    assert [
        AccountActedOn(actor="admin token", action="disable", **of),
        SignedOut(reason="operator", count=1, **of),
        AccountActedOn(actor="admin token", action="enable", **of),
    ] == heard[:3]


async def test_since_when_it_is_disabled_stays(flows: Flows) -> None:
    """Doing it twice does no harm, and does not make it younger."""
    account_id = await flows.registered_and_verified()
    first = await act_on_account(flows.gate, AccountAction.DISABLE, account_id, BY)
    again = await act_on_account(flows.gate, AccountAction.DISABLE, account_id, BY)
    assert first.disabled_at is not None
    assert first == again


async def test_support_finds_an_account_by_its_address(flows: Flows) -> None:
    """However it is capitalised; one that is deleted says since when."""
    account_id = await flows.registered_and_verified()
    found = await find_account(flows.gate, "MIRA@Example.COM")
    assert found is not None
    assert (account_id, None, None) == (found.id, found.disabled_at, found.deleted_at)
    await _delete(flows, await _sign_in(flows))
    deleted = await find_account(flows.gate, ADDRESS)
    assert deleted is not None
    assert deleted.deleted_at is not None
    assert await find_account(flows.gate, "nobody@example.com") is None
    with pytest.raises(InvalidInput):
        await find_account(flows.gate, "no address")


async def test_an_account_that_is_none_is_said_so(flows: Flows) -> None:
    """Nothing is written down about it."""
    with pytest.raises(NoSuchAccount):
        await sessions_of(flows.gate, NOBODY)
    for action in AccountAction:
        with pytest.raises(NoSuchAccount):
            await act_on_account(flows.gate, action, NOBODY, BY)
    assert [] == await _deeds(flows)
