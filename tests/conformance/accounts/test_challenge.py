"""The product's own check of strangers: asked after the limits, before anything costs, and never open by mistake."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatepost.accounts import challenge
from gatepost.accounts.challenge import Asked
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import Act, admit, admit_sign_in
from gatepost.errors import ChallengeFailed, RateLimited, TryLater
from gatepost.events import ChallengeRefused, Event
from tests.support.clock import StillClock
from tests.support.crowd import client_number
from tests.support.flows import Flows

ONE = client_number(1)
R = "request"


@pytest.fixture
def clock() -> StillClock:
    """Time passes when a test says so."""
    return StillClock()


class Check:
    """Answers, raises or hangs, and keeps what it was asked."""

    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.asked: list[Asked] = []

    async def __call__(self, asked: Asked) -> bool:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is Ellipsis:
            await asyncio.Event().wait()
        passed: bool = self.answer
        return passed


async def test_s78_strangers_are_asked_by_whatever_check_the_product_has(gate: Gate) -> None:
    """For what costs a hash or a mail; it gets the answer that came, and where from, and no address of anybody."""
    check = Check()
    asking = replace(gate, challenge=check)
    for act in Act:
        if act is not Act.PROVE_PASSWORD:
            await admit(asking, act, ONE, request_id=R, challenge="42")
    assert [Asked(act, "42", ONE.network, False) for act in list(Act)[:4]] == check.asked
    await admit(asking, Act.REGISTER, None, request_id=R)
    await admit_sign_in(replace(asking, limited=False), "a@example.com", ONE, request_id=R)
    assert 5 == len(check.asked)


@pytest.mark.parametrize("answer", [False, None, "yes", 1])
async def test_s78_whatever_is_not_true_lets_nobody_in(flows: Flows, heard: list[Event], answer: object) -> None:
    """Nothing is written, and the event says why."""
    asking = Flows(replace(flows.gate, challenge=Check(answer)))
    with pytest.raises(ChallengeFailed):
        await asking.register(client=ONE, challenge="a guess")
    assert ([], []) == (await flows.accounts(), await flows.outbox())
    assert [ChallengeRefused(request_id="request-1", act="register", network=ONE.network, reason="failed")] == [
        event for event in heard if isinstance(event, ChallengeRefused)
    ]


@pytest.mark.parametrize(("answer", "reason"), [(ValueError("provider away"), "ValueError"), (..., "timeout")])
async def test_s78_a_check_that_is_broken_lets_nobody_in(
    gate: Gate, heard: list[Event], monkeypatch: pytest.MonkeyPatch, answer: object, reason: str
) -> None:
    """It raised, or said nothing in time: try later. What it raised is not repeated, it may hold the answer."""
    monkeypatch.setattr(challenge, "CHALLENGE_TIMEOUT_S", 0.01)
    with pytest.raises(TryLater, match=reason):
        await admit(replace(gate, challenge=Check(answer)), Act.SIGN_IN, ONE, request_id=R, challenge="42")
    assert [reason] == [event.reason for event in heard if isinstance(event, ChallengeRefused)]


async def test_the_check_comes_after_the_limit_and_hears_of_the_alarm(gate: Gate) -> None:
    """Who is told to wait does not cost the product's provider anything."""
    check = Check()
    asking = replace(gate, challenge=check, sign_up_alarm_per_hour=10)
    for number in range(12):
        await admit(asking, Act.REGISTER, client_number(number), request_id=R)
    assert [False] * 10 + [True] * 2 == [asked.alarm for asked in check.asked]
    for _ in range(3):
        await admit(asking, Act.REGISTER, client_number(100), request_id=R)
    await admit(asking, Act.REGISTER, client_number(100), request_id=R)
    with pytest.raises(RateLimited):
        await admit(asking, Act.REGISTER, client_number(100), request_id=R)
    assert 16 == len(check.asked)
