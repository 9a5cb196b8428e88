"""An operator's own password: it takes the current one, and ends every other session."""

import asyncio

import pytest

from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import ALLOWANCES, Act
from gatepost.errors import InvalidInput, NotSignedIn, OperatorSignInFailed, RateLimited, WrongPassword
from gatepost.events import Event, OperatorChanged, OperatorPasswordRefused
from gatepost.operators.own_password import change_own_password
from gatepost.operators.sessions import CurrentOperator
from tests.support.crew import BY, PASSWORD, crew, current, deeds, hired, signed_in

NEW = "eleven sandpipers at dawn"


async def change(gate: Gate, who: CurrentOperator, password: str = NEW, current_password: str = PASSWORD) -> None:
    """Ask for it."""
    await change_own_password(gate, who, current_password=current_password, password=password, request_id="request-1")


async def test_a_new_password_is_the_only_one(gate: Gate, heard: list[Event]) -> None:
    """The session it was changed in stays, every other ends; the deed is in the audit log without a word of it."""
    await hired(gate)
    here, there = (await signed_in(gate)).token, (await signed_in(gate)).token
    await change(gate, await current(gate, here))
    await current(gate, here)
    with pytest.raises(NotSignedIn):
        await current(gate, there)
    with pytest.raises(OperatorSignInFailed):
        await signed_in(gate)
    await signed_in(gate, password=NEW)
    deed = (await deeds(gate))[-1]
    assert ("operator mira", "operator_password", "request-1") == (deed["actor"], deed["action"], deed["request_id"])
    told = OperatorChanged(
        actor="operator mira", action="password", operator="mira", role="support", request_id="request-1"
    )
    assert told in heard


async def test_the_current_password_is_asked_for(gate: Gate, heard: list[Event]) -> None:
    """Whoever found the browser open changes nothing, and it is told."""
    await hired(gate)
    who = await current(gate, (await signed_in(gate)).token)
    with pytest.raises(WrongPassword):
        await change(gate, who, current_password="not the one")
    assert OperatorPasswordRefused(request_id="request-1", operator="mira") == heard[-1]
    await signed_in(gate)


async def test_one_session_has_few_guesses_at_it(gate: Gate) -> None:
    """Whoever stole one cannot guess with it for long."""
    await hired(gate)
    who = await current(gate, (await signed_in(gate)).token)
    for _ in range(ALLOWANCES[Act.PROVE_PASSWORD].burst):
        with pytest.raises(WrongPassword):
            await change(gate, who, current_password="not the one")
    with pytest.raises(RateLimited):
        await change(gate, who)


@pytest.mark.parametrize("password", ["short", PASSWORD, "gatepost gatepost", "miramiramira"])
async def test_a_password_follows_the_rules(gate: Gate, password: str) -> None:
    """Those for accounts; and it is another one."""
    await hired(gate)
    with pytest.raises(InvalidInput):
        await change(gate, await current(gate, (await signed_in(gate)).token), password)


async def test_an_ended_session_changes_nothing(gate: Gate) -> None:
    """Ended, or of somebody who was disabled, in the very moment before it is written."""
    await hired(gate)
    who = await current(gate, (await signed_in(gate)).token)
    await crew(gate).disable("mira", BY)
    await crew(gate).enable("mira", BY)
    with pytest.raises(NotSignedIn):
        await change(gate, who)
    await signed_in(gate)


@pytest.mark.parametrize("sessions", [1, 2], ids=["of one session", "of two sessions"])
async def test_of_two_changes_at_once_one_counts(gate: Gate, sessions: int) -> None:
    """The other finds that its current password is none any more, or that its session ended."""
    await hired(gate)
    tokens = [(await signed_in(gate)).token for _ in range(sessions)]
    both = [await current(gate, tokens[0]), await current(gate, tokens[-1])]
    asked = [change(gate, who, f"{NEW} {number}") for number, who in enumerate(both)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    (refused,) = [one for one in results if one is not None]
    assert isinstance(refused, WrongPassword if sessions == 1 else (WrongPassword, NotSignedIn))
