"""The hook for a product's own check of strangers: a CAPTCHA, a proof of work, whatever it trusts."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from gatepost.errors import ChallengeFailed, TryLater
from gatepost.events import ChallengeRefused, Events

MAX_ANSWER_CHARACTERS = 8192
CHALLENGE_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Asked:
    """What a stranger asks for, and the answer that came with it.

    Args:
        act: one of `Act` in limits.py: "register", "sign_in", "request_verification", "request_reset".
        answer: the member or form field `challenge`; None where there was none.
        network: where the request comes from, roughly.
        alarm: whether there are more sign-ups than usual at this moment: a product may ask only then.
    """

    act: str
    answer: str | None = field(repr=False)
    network: str
    alarm: bool


class Challenge(Protocol):
    """Says whether a stranger may go on. What it raises refuses the request (503) and is told as an event."""

    async def __call__(self, asked: Asked) -> bool: ...


async def check_stranger(challenge: Challenge | None, asked: Asked, events: Events, *, request_id: str) -> None:
    """Ask the product's own check, if it has one, within CHALLENGE_TIMEOUT_S. Nothing but True lets a stranger pass.

    Raises:
        ChallengeFailed: it said no.
        TryLater: it raised or said nothing in time; without an answer nobody passes.
    """
    if challenge is None:
        return
    try:
        async with asyncio.timeout(CHALLENGE_TIMEOUT_S):
            passed = await challenge(asked)
    except Exception as error:  # whatever a product's code raises
        reason = "timeout" if isinstance(error, TimeoutError) else type(error).__name__
        _tell(events, asked, request_id, reason)
        raise TryLater(f"the check of strangers could not be asked: {reason}") from error
    if passed is not True:
        _tell(events, asked, request_id, "failed")
        raise ChallengeFailed("the check of strangers said no")


def _tell(events: Events, asked: Asked, request_id: str, reason: str) -> None:
    events.emit(ChallengeRefused(request_id=request_id, act=asked.act, network=asked.network, reason=reason))
