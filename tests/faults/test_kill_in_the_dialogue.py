"""The service is killed by the mail server itself, at an exact moment of the SMTP dialogue."""

import contextlib
import time
from collections.abc import Callable

import pytest

from gatepost.delivery.commits import MAX_UNSETTLED
from gatepost.testing import Behaviour, Call, Drop, Hang, SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.conftest import MakeService
from tests.faults.rest import come_to_rest, register, start_again, stopped_books
from tests.support.ledgers import link
from tests.support.service import Service

ADDRESS = "mira@people.example"
KILLED = -9
OFFERED_TIMEOUT_S = 60.0
Killing = Callable[[Service, SubmissionServer], list[Behaviour]]


def _kill(service: Service, mail: SubmissionServer) -> list[Behaviour]:
    return [Call(service.kill)]


def _kill_and_forget(service: Service, mail: SubmissionServer) -> list[Behaviour]:
    return [Call(service.kill), Drop()]


def _kill_behind_the_reply(service: Service, mail: SubmissionServer) -> list[Behaviour]:
    """The server's loop writes its 250 first and kills in its next turn."""
    return [Call(lambda: mail.on_own_loop(service.kill))]


@pytest.mark.parametrize(
    ("step", "killing", "received"),
    [
        pytest.param(Step.EHLO, _kill, {1}, id="before anything was said"),
        pytest.param(Step.RCPT, _kill, {1}, id="at RCPT"),
        pytest.param(Step.DOT, _kill_and_forget, {1}, id="at the final dot, not taken"),
        pytest.param(Step.DOT, _kill, {2}, id="at the final dot, taken"),
        pytest.param(Step.TAKEN, _kill_behind_the_reply, {1, 2}, id="behind the reply"),
    ],
)
def test_a_verification_arrives_whenever_the_service_is_killed(
    make_service: MakeService, mail: SubmissionServer, step: Step, killing: Killing, received: set[int]
) -> None:
    """It always arrives, and a second time only when the server had taken it before the kill."""
    service = make_service(mail.port, WELCOME="off")
    _start_and_arm(service, mail, step, killing)

    assert 202 == register(service, ADDRESS)
    assert KILLED == service.wait_for_exit()
    mail.clear()
    start_again(service)

    books = stopped_books(service, mail, {ADDRESS}, templates=["verification"])
    assert ["accepted"] == [message.state for message in books.messages]
    assert len(mail.messages) in received


@pytest.mark.parametrize(
    ("step", "killing", "received"),
    [
        pytest.param(Step.RCPT, _kill, {0, 1}, id="at RCPT"),
        pytest.param(Step.DOT, _kill_and_forget, {0}, id="at the final dot, not taken"),
        pytest.param(Step.DOT, _kill, {1}, id="at the final dot, taken"),
        pytest.param(Step.TAKEN, _kill_behind_the_reply, {1}, id="behind the reply"),
    ],
)
def test_a_welcome_never_arrives_twice(
    make_service: MakeService, mail: SubmissionServer, step: Step, killing: Killing, received: set[int]
) -> None:
    """After a kill in its dialogue it stays `unknown`, unless it certainly was not handed over."""
    service = make_service(mail.port, WELCOME="at_verification")
    service.start()
    service.wait_until_ready()
    assert 202 == register(service, ADDRESS)
    (verification,) = mail.wait_for_blocking(1)
    come_to_rest(service)
    _arm(service, mail, step, killing)

    with contextlib.suppress(OSError):  # it may be killed before it has answered
        service.post("/auth/verify", token=(link(verification) or "").partition("token=")[2])
    assert KILLED == service.wait_for_exit()
    mail.clear()
    start_again(service)

    books = stopped_books(service, mail, {ADDRESS})
    states = {message.template: message.state for message in books.messages}
    welcomes = len(mail.messages) - 1
    assert welcomes in received
    assert "accepted" == states["verification"]
    assert states["welcome"] in ({"unknown"} if step is Step.DOT else {"unknown", "accepted"})


def test_one_death_makes_no_more_than_32_copies(make_service: MakeService, mail: SubmissionServer) -> None:
    """64 under way, and a server that takes messages and never says so: 32 may be doubtful, the others wait."""
    addresses = [f"person{number}@people.example" for number in range(64)]
    service = make_service(mail.port, WELCOME="off", WORKER_SLOTS=80)  # of which one domain may have 70
    service.start()
    service.wait_until_ready()
    offered: list[None] = []
    mail.at(Step.DATA, Call(lambda: offered.append(None)))
    mail.at(Step.TAKEN, Hang())
    assert [202] * 64 == [register(service, address) for address in addresses]
    mail.wait_for_blocking(MAX_UNSETTLED)
    give_up_at = time.monotonic() + OFFERED_TIMEOUT_S
    while len(offered) < 64:  # until every dialogue has come where it lacks nothing but the mark
        assert 200 == service.get("/readyz")[0]
        assert time.monotonic() < give_up_at, f"{len(offered)} of 64 messages were offered"
    service.kill()
    assert KILLED == service.wait_for_exit()
    assert MAX_UNSETTLED == len(mail.messages)
    ((committing,),) = service.tables.read("SELECT count(*) FROM messages WHERE state = 'committing'")[0]
    assert MAX_UNSETTLED == committing
    mail.clear()
    start_again(service)

    stopped_books(service, mail, addresses, templates=["verification"])
    assert 64 + MAX_UNSETTLED == len(mail.messages)


def _start_and_arm(service: Service, mail: SubmissionServer, step: Step, killing: Killing) -> None:
    service.start()
    service.wait_until_ready()
    _arm(service, mail, step, killing)


def _arm(service: Service, mail: SubmissionServer, step: Step, killing: Killing) -> None:
    for behaviour in killing(service, mail):
        mail.at(step, behaviour, times=1)
