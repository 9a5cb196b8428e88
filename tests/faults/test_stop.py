"""SIGTERM: exit code 0 within the grace, whatever hangs; nothing is left under way."""

import asyncio
import json
import socket
import time
from collections.abc import Sequence

import pytest

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.conftest import MakeService
from tests.faults.hanging import Reached
from tests.faults.rest import register, stopped_books
from tests.support.driver import Driver, registration, request_bytes
from tests.support.ledgers import Books, read_books
from tests.support.service import Service

ADDRESS = "mira@people.example"
GRACE_S = 1.0
ALLOWED_S = 2.0  # what a stop may need beyond its grace
LONG_GRACE_S = 60.0
RESTARTS = 5
REGISTRATIONS_A_LIFE = 40


def test_an_idle_service_stops_with_exit_code_0(make_service: MakeService) -> None:
    """SIGTERM ends an idle service at once, not after its grace."""
    service = make_service(from_shell=True, SHUTDOWN_GRACE_S=LONG_GRACE_S)
    service.start()
    service.wait_until_ready()

    code, took_s = _terminate(service)

    assert 0 == code
    assert took_s < LONG_GRACE_S / 4


@pytest.mark.parametrize(
    ("step", "verification", "welcome"),
    [
        pytest.param(
            Step.EHLO, ("queued", [("given_back", False)]), ("queued", [("given_back", False)]), id="before MAIL"
        ),
        pytest.param(Step.RCPT, ("queued", [("given_back", False)]), ("queued", [("given_back", False)]), id="RCPT"),
        pytest.param(
            Step.DOT, ("unknown", [("unknown", True)]), ("unknown", [("unknown", True)]), id="behind the final dot"
        ),
    ],
)
def test_a_hung_mail_server_holds_up_a_stop_for_the_grace_and_no_longer(
    make_service: MakeService,
    mail: SubmissionServer,
    step: Step,
    verification: tuple[str, Sequence[object]],
    welcome: tuple[str, Sequence[object]],
) -> None:
    """Exit code 0 within the grace and 2 s; what was not handed over is given back uncounted, the rest is unknown."""
    service = make_service(mail.port, from_shell=True, SHUTDOWN_GRACE_S=GRACE_S)
    reached = Reached(mail, step, 2)
    service.start()
    service.wait_until_ready()
    assert 202 == register(service, ADDRESS)
    reached.wait()

    code, took_s = _terminate(service)

    assert 0 == code
    assert took_s <= GRACE_S + ALLOWED_S
    books = read_books(service.tables)
    assert {"verification": verification, "welcome": welcome} == _tries(books)
    assert [] == mail.messages


def test_what_was_given_back_goes_out_once_at_the_next_start(make_service: MakeService, mail: SubmissionServer) -> None:
    """A stop before the content costs neither a copy nor time: the next start sends at once."""
    service = make_service(mail.port, SHUTDOWN_GRACE_S=0)
    reached = Reached(mail, Step.RCPT, 2)
    service.start()
    service.wait_until_ready()
    assert 202 == register(service, ADDRESS)
    reached.wait()
    assert 0 == service.stop()
    mail.clear()

    service.start()
    service.wait_until_ready()

    stopped_books(service, mail, {ADDRESS})
    assert 2 == len(mail.messages)


def test_an_attempt_that_ends_within_the_grace_is_settled(service: Service, mail: SubmissionServer) -> None:
    """The stop waits for the mail server, and ends as soon as that has answered."""
    reached = Reached(mail, Step.DOT, 2)
    service.settings["SHUTDOWN_GRACE_S"] = str(LONG_GRACE_S)
    service.start()
    service.wait_until_ready()
    assert 202 == register(service, ADDRESS)
    reached.wait()
    service.terminate()
    service.wait_for_log("service_stopping")

    mail.clear()

    assert 0 == service.wait_for_exit(LONG_GRACE_S / 2)
    assert {("accepted", (("accepted", True),))} == {
        (message.state, message.tries) for message in read_books(service.tables).messages
    }


def test_requests_are_served_while_the_worker_drains_and_a_second_signal_ends_the_wait(
    make_service: MakeService, mail: SubmissionServer
) -> None:
    """/readyz says 503 so that nobody sends more; who comes all the same is promised and served."""
    service = make_service(mail.port, from_shell=True, SHUTDOWN_GRACE_S=LONG_GRACE_S)
    reached = Reached(mail, Step.RCPT, 2)
    service.start()
    service.wait_until_ready()
    assert 202 == register(service, ADDRESS)
    reached.wait()
    service.terminate()
    service.wait_for_log("service_stopping")

    status, fields, body = service.get("/readyz")
    assert 503 == status
    assert "application/problem+json" == fields["content-type"]
    assert ["stopping"] == json.loads(body)["reasons"]
    assert 200 == service.get("/healthz")[0]
    assert 202 == register(service, "late@people.example")

    code, took_s = _terminate(service)
    assert 0 == code
    assert took_s < LONG_GRACE_S / 4
    assert {"queued"} == {message.state for message in read_books(service.tables).messages}

    mail.clear()
    service.start()
    service.wait_until_ready()
    stopped_books(service, mail, {ADDRESS, "late@people.example"})


def test_an_open_stream_does_not_hold_up_a_stop(make_service: MakeService) -> None:
    """The mailbox page's stream is ended by the stop itself."""
    service = make_service(from_shell=True, SHUTDOWN_GRACE_S=LONG_GRACE_S)
    service.start()
    service.wait_until_ready()
    with service.open_stream("/dev/mailbox/changes") as stream:
        assert b"retry" in stream.readline()

        code, took_s = _terminate(service)

        assert 0 == code
        assert took_s < LONG_GRACE_S / 4
        stream.read()  # to its end: it was ended and did not break


def test_a_request_that_never_ends_does_not_hold_up_a_stop(make_service: MakeService) -> None:
    """Half a request, and silence: the stop waits for it at most as long as the grace."""
    service = make_service(SHUTDOWN_GRACE_S=GRACE_S)
    service.start()
    service.wait_until_ready()
    with socket.create_connection(("127.0.0.1", service.port)) as half:
        half.sendall(request_bytes(service.port, "/auth/register", registration(ADDRESS))[:-10])
        assert 200 == service.get("/healthz")[0]

        code, took_s = _terminate(service)

    assert 0 == code
    assert took_s <= GRACE_S + ALLOWED_S


async def test_restarts_under_load_lose_nothing_and_send_nothing_twice(
    service: Service, mail: SubmissionServer
) -> None:
    """SIGTERM again and again while people register: every life ends with exit code 0, no message has a copy."""
    driver = Driver(service.port, clients=16, seed=9)
    driving = asyncio.create_task(driver.run())
    for life in range(1, RESTARTS + 1):
        await asyncio.to_thread(service.start)
        await driver.wait_for(len(driver.acknowledged) + REGISTRATIONS_A_LIFE)
        assert 0 == await asyncio.to_thread(service.stop), f"life {life}:\n{service.text}"
    driver.leave()
    await asyncio.to_thread(service.start)
    await driving
    await asyncio.to_thread(service.wait_until_ready)

    books = await asyncio.to_thread(stopped_books, service, mail, driver.acknowledged)
    assert [] == driver.surprises
    assert len(mail.messages) == len({message.message_id for message in mail.messages})
    assert {"accepted", "cancelled"} >= {message.state for message in books.messages}
    assert {"accepted", "given_back"} >= {outcome for message in books.messages for outcome, _ in message.tries}


def _terminate(service: Service) -> tuple[int, float]:
    started = time.monotonic()
    service.terminate()
    code = service.wait_for_exit(LONG_GRACE_S)
    return code, time.monotonic() - started


def _tries(books: Books) -> dict[str, tuple[str, list[tuple[str, bool]]]]:
    return {message.template: (message.state, list(message.tries)) for message in books.messages}
