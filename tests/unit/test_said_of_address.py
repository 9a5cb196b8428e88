"""What the last reply to a message shows about its address."""

import itertools
from typing import Any

import pytest

from gatepost.delivery.bounces import Bounces, said_of_address
from gatepost.events import BouncesUnusual, Event, Events
from gatepost.outbox.settle import Try
from gatepost.suppression.guard import MAX_HARD, Guard
from gatepost.suppression.reason import Reason
from gatepost.transport.outcome import Phase
from gatepost.transport.reply_statuses import NO_SUCH_ADDRESS, STATUSES
from tests.support.suppressing import HIDING

ABOUT_RECIPIENT = {Phase.RCPT, Phase.DATA, Phase.CONTENT, Phase.FINAL_REPLY}
BY_CLASS = [f"{number}{status[1:]}" for number, status in itertools.product("45", STATUSES)]


def tried(phase: str | None = "rcpt", code: int | None = 550, status: str | None = "5.1.1", **changes: Any) -> Try:
    return Try(outcome="permanent", phase=phase, reply_code=code, enhanced_status=status, started_at=1, **changes)


@pytest.mark.parametrize("phase", list(Phase))
def test_every_status_of_the_registry_says_what_the_decision_says(phase: Phase) -> None:
    """Five permanent ones that the address does not exist, x.2.* that its mailbox takes nothing, the others nothing."""
    said = {status: said_of_address(tried(str(phase), 450 + 100 * (status[0] == "5"), status)) for status in BY_CLASS}
    hard = set(NO_SUCH_ADDRESS) if phase in ABOUT_RECIPIENT else set()
    soft = {one for one in BY_CLASS if one.split(".")[1] == "2"} if phase in ABOUT_RECIPIENT else set()
    assert hard == {status for status, reason in said.items() if reason is Reason.HARD_BOUNCE}
    assert soft == {status for status, reason in said.items() if reason is Reason.SOFT_BOUNCES}


@pytest.mark.parametrize("code", range(500, 560))
def test_a_code_alone_says_nothing(code: int) -> None:
    """Whatever it is: 550 may be about the message."""
    assert said_of_address(tried(code=code, status=None)) is None


def test_a_try_without_a_reply_says_nothing() -> None:
    """Nor one of which only the process's death is known."""
    assert said_of_address(tried(code=None)) is None
    assert said_of_address(tried(phase=None)) is None


def test_a_reply_to_our_own_address_is_no_answer_about_a_recipient() -> None:
    """A server that refuses MAIL says nothing of who exists: it neither alarms nor makes up for hard bounces."""
    heard: list[Event] = []
    events = Events()
    events.subscribe(heard.append)
    bounces = Bounces(HIDING, Guard(), events, "test")
    claimed: Any = object()
    for _ in range(MAX_HARD):
        assert bounces.heard(claimed, tried()) is not None
    for _ in range(100):
        assert bounces.heard(claimed, tried("mail", 550, "5.7.1")) is None
    assert bounces.heard(claimed, tried()) is None
    assert [BouncesUnusual(server="test", hard=11, answers=11)] == heard
