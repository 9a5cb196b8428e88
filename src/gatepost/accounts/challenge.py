"""The hook for a product's own check of strangers: a CAPTCHA, a proof of work, whatever it trusts."""

from dataclasses import dataclass, field
from typing import Protocol

MAX_ANSWER_CHARACTERS = 8192


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
