"""Who operates: added, given roles and passwords, let in and out, each time with a row of the audit log."""

import asyncio
from collections import Counter

import pytest

from gatepost.accounts.gate import Gate
from gatepost.database.connection import Database
from gatepost.errors import (
    LastOwner,
    NoSuchOperator,
    NotSignedIn,
    OperatorNameTaken,
    OperatorSignInFailed,
)
from gatepost.events import Event, OperatorChanged
from gatepost.operators.crew import Crew
from gatepost.operators.people import anybody_operates, list_operators
from gatepost.operators.role import Role
from tests.support.crew import BY, PASSWORD, crew, current, deeds, hash_of, hired, signed_in


async def roles(gate: Gate) -> dict[str, str]:
    """What each of those who may sign in may do."""
    listed = await gate.database.read(lambda tx: list_operators(tx, gate.clock.now_ms(), gate.session_idle_s))
    return {one.operator.name: str(one.operator.role) for one in listed if one.operator.disabled_at is None}


async def test_the_first_operator_opens_the_house(gate: Gate, heard: list[Event]) -> None:
    """Nobody operates before; then one does, and the log and the audit say who added whom, and why."""
    assert not await gate.database.read(anybody_operates)
    mira = await hired(gate, "Mira", Role.OWNER)
    assert await gate.database.read(anybody_operates)
    assert ("mira", "operator mira") == (mira.name, mira.actor)
    (deed,) = await deeds(gate)
    assert (mira.id, "operator_add", None, "owner") == tuple(
        deed[name] for name in ("subject", "action", "state_before", "state_after")
    )
    assert (BY.actor, BY.reason) == (deed["actor"], deed["reason"])
    assert [OperatorChanged(actor=BY.actor, action="add", operator="mira", role="owner")] == heard


async def test_a_name_is_had_once(gate: Gate) -> None:
    """However it is written; the one there is stays as they are."""
    await hired(gate, "mira", Role.OWNER)
    with pytest.raises(OperatorNameTaken):
        await hired(gate, " MIRA ", Role.SUPPORT)
    assert {"mira": "owner"} == await roles(gate)
    assert 1 == len(await deeds(gate))


async def test_a_role_counts_from_the_next_request_on(gate: Gate) -> None:
    """The session stays and may more, or less."""
    await hired(gate)
    token = (await signed_in(gate)).token
    assert Role.SUPPORT is (await current(gate, token)).operator.role
    await crew(gate).set_role("mira", Role.OPERATOR, BY)
    assert Role.OPERATOR is (await current(gate, token)).operator.role
    deed = (await deeds(gate))[-1]
    assert ("operator_role", "support", "operator") == (deed["action"], deed["state_before"], deed["state_after"])


async def test_whoever_is_disabled_is_out_at_once(gate: Gate) -> None:
    """The session is gone, the password opens nothing, and enabling brings no session back."""
    await hired(gate)
    token = (await signed_in(gate)).token
    await crew(gate).disable("mira", BY)
    with pytest.raises(NotSignedIn):
        await current(gate, token)
    with pytest.raises(OperatorSignInFailed):
        await signed_in(gate)
    await crew(gate).enable("mira", BY)
    with pytest.raises(NotSignedIn):
        await current(gate, token)
    await signed_in(gate)
    assert [("active", "disabled"), ("disabled", "active")] == [
        (deed["state_before"], deed["state_after"]) for deed in (await deeds(gate))[1:]
    ]


async def test_a_new_password_ends_every_session(gate: Gate) -> None:
    """The old one opens nothing, and neither stands in the audit log."""
    await hired(gate)
    tokens = [(await signed_in(gate)).token for _ in range(2)]
    await crew(gate).set_password("mira", await gate.passwords.hash("eleven sandpipers at dawn"), BY)
    for token in tokens:
        with pytest.raises(NotSignedIn):
            await current(gate, token)
    with pytest.raises(OperatorSignInFailed):
        await signed_in(gate)
    await signed_in(gate, password="eleven sandpipers at dawn")
    deed = (await deeds(gate))[-1]
    assert (None, None) == (deed["state_before"], deed["state_after"])
    assert await hash_of(gate, "mira") not in repr(await deeds(gate))


async def test_ended_sessions_are_those_of_one_operator(gate: Gate) -> None:
    """The others stay signed in, and the one may sign in again."""
    await hired(gate, "mira")
    await hired(gate, "tom")
    mira, tom = (await signed_in(gate, "mira")).token, (await signed_in(gate, "tom")).token
    await crew(gate).end_sessions("mira", BY)
    with pytest.raises(NotSignedIn):
        await current(gate, mira)
    assert "tom" == (await current(gate, tom)).operator.name
    await signed_in(gate, "mira")


async def test_the_last_owner_stays(gate: Gate) -> None:
    """Neither lowered nor disabled, and nothing is written; one of two may go, and a disabled one does not count."""
    await hired(gate, "mira", Role.OWNER)
    await hired(gate, "tom", Role.OWNER)
    await crew(gate).disable("tom", BY)
    before = len(await deeds(gate))
    with pytest.raises(LastOwner):
        await crew(gate).disable("mira", BY)
    with pytest.raises(LastOwner):
        await crew(gate).set_role("mira", Role.OPERATOR, BY)
    assert ({"mira": "owner"}, before) == (await roles(gate), len(await deeds(gate)))
    await crew(gate).set_role("mira", Role.OWNER, BY)
    await crew(gate).enable("tom", BY)
    await crew(gate).disable("mira", BY)
    assert {"tom": "owner"} == await roles(gate)


async def test_the_command_line_may_leave_no_owner(gate: Gate) -> None:
    """Where somebody says so: it can make another one."""
    await hired(gate, "mira", Role.OWNER)
    await crew(gate, keeps_an_owner=False).disable("mira", BY)
    assert {} == await roles(gate)


async def test_of_owners_who_disable_each_other_at_once_one_stays(processes: list[Database], gate: Gate) -> None:
    """From four processes, with no deadlock: whoever comes second finds themselves the last."""
    names = ["ada", "bob", "cyd", "dan"]
    for name in names:
        await hired(gate, name, Role.OWNER)
    crews = [Crew(database.write, gate.clock, gate.events) for database in processes]
    tried = [crews[number % 4].disable(name, BY) for number, name in enumerate(names * 3)]
    results = await asyncio.gather(*tried, return_exceptions=True)
    assert 1 == len(await roles(gate))
    assert {"Operator", "LastOwner"} == set(Counter(type(one).__name__ for one in results))


async def test_nobody_is_changed_who_is_not_there(gate: Gate) -> None:
    """Every change says so, and writes nothing."""
    await hired(gate)
    hashed = await gate.passwords.hash(PASSWORD)
    for change in (
        crew(gate).set_role("nobody", Role.OWNER, BY),
        crew(gate).set_password("nobody", hashed, BY),
        crew(gate).disable("nobody", BY),
        crew(gate).enable("nobody", BY),
        crew(gate).end_sessions("nobody", BY),
    ):
        with pytest.raises(NoSuchOperator):
            await change
    assert 1 == len(await deeds(gate))


async def test_s108_no_deed_is_changed_or_forgotten(gate: Gate) -> None:
    """The database itself refuses it, whoever asks; each deed has its time, its actor and its target."""
    mira = await hired(gate)
    await crew(gate).set_role("mira", Role.OPERATOR, BY)
    for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'nobody'", "UPDATE audit SET reason = 'another'"):
        with pytest.raises(Exception, match="only added to"):
            await gate.database.write(lambda tx, text=statement: tx.exec_driver_sql(text).rowcount)
    for deed in await deeds(gate):
        assert (mira.id, BY.actor) == (deed["subject"], deed["actor"])
        assert abs(deed["at"] - gate.clock.now_ms()) < 60_000
