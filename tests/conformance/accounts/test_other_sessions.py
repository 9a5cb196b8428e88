"""An owner ends every session but the one that asks: all of them, nobody else's, and not when it ended itself."""

import asyncio

import pytest

from gatepost.accounts.other_sessions import end_other_sessions
from gatepost.accounts.sessions import end_session
from gatepost.errors import NotSignedIn
from gatepost.events import Event, SignedOut
from tests.support.flows import Flows


async def test_s52_every_other_session_of_the_account_ends(flows: Flows, heard: list[Event]) -> None:
    """This one stays, and so do those of others; it is told once, with how many there were."""
    await flows.registered_and_verified()
    await flows.registered_and_verified("ada@example.com")
    here, *others = [await flows.sign_in() for _ in range(3)]
    theirs = await flows.sign_in("ada@example.com")
    current = await flows.find(here.token)
    await end_other_sessions(flows.gate, current, request_id="request-8")
    for other in others:
        with pytest.raises(NotSignedIn):
            await flows.find(other.token)
    await flows.find(here.token)
    await flows.find(theirs.token)
    told = [event for event in heard if isinstance(event, SignedOut)]
    assert [("request-8", str(current.account.id), "ended", 2)] == [
        (event.request_id, event.account_id, event.reason, event.count) for event in told
    ]


async def test_nothing_is_told_where_there_is_no_other_session(flows: Flows, heard: list[Event]) -> None:
    """A second press of the button changes nothing."""
    await flows.registered_and_verified()
    here = await flows.sign_in()
    await end_other_sessions(flows.gate, await flows.find(here.token), request_id="request-8")
    await flows.find(here.token)
    assert [] == [event for event in heard if isinstance(event, SignedOut)]


async def test_whoever_was_put_out_puts_nobody_else_out(flows: Flows) -> None:
    """The session of a thief was ended after his page was shown: his button ends no session of the owner's."""
    await flows.registered_and_verified()
    owner, thief = await flows.sign_in(), await flows.sign_in()
    current, stale = await flows.find(owner.token), await flows.find(thief.token)
    await end_session(flows.gate, current, thief.session.id, request_id="request-8")
    with pytest.raises(NotSignedIn):
        await end_other_sessions(flows.gate, stale, request_id="request-9")
    await flows.find(owner.token)


async def test_of_two_that_end_each_other_one_stays(flows: Flows) -> None:
    """Both ask at once; whoever comes second was put out by the first."""
    await flows.registered_and_verified()
    one, two = await flows.sign_in(), await flows.sign_in()
    both = [await flows.find(one.token), await flows.find(two.token)]
    results = await asyncio.gather(
        *(end_other_sessions(flows.gate, current, request_id="request-8") for current in both),
        return_exceptions=True,
    )
    assert [NotSignedIn] == [type(result) for result in results if result is not None]
    assert 1 == len(await flows.sessions())
