"""One process owns the file: a second one waits, refuses or takes over, and a dead one leaves nothing to wait for."""

import time

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.conftest import MakeService
from tests.faults.hanging import Reached
from tests.faults.rest import register, stopped_books
from tests.faults.test_stop import ADDRESS, GRACE_S
from tests.support.service import Service

REFUSED = 2
SLOTS = 8
COPY_AFTER_S = 30


def test_a_second_process_waits_out_the_grace_and_refuses(make_service: MakeService, mail: SubmissionServer) -> None:
    """It says who owns the file and what to do, ends with exit code 2, and the owner notices nothing."""
    owner = make_service(mail.port)
    owner.start()
    owner.wait_until_ready()
    second = make_service(mail.port, from_shell=True, SHUTDOWN_GRACE_S=GRACE_S)
    started = time.monotonic()

    second.start()

    assert REFUSED == second.wait_for_exit()
    assert time.monotonic() - started >= GRACE_S
    assert f"{owner.database} is in use by process {owner.pid}" in second.text
    assert "stop that process, or set GATEPOST_DATABASE_URL to another file" in second.text
    assert "Traceback" not in second.text
    assert 202 == register(owner, ADDRESS)
    stopped_books(owner, mail, {ADDRESS})


def test_a_second_process_takes_over_from_one_that_stops(make_service: MakeService, mail: SubmissionServer) -> None:
    """The new process waits for the old one's last attempts and sends what that gave back: each message once."""
    old = make_service(mail.port, SHUTDOWN_GRACE_S=GRACE_S)
    reached = Reached(mail, Step.RCPT, 2)
    old.start()
    old.wait_until_ready()
    assert 202 == register(old, ADDRESS)
    reached.wait()
    new = make_service(mail.port, SHUTDOWN_GRACE_S=20)
    new.start()
    new.wait_for_log("setting_warned", "waiting up to")
    old.terminate()
    assert 0 == old.wait_for_exit()
    mail.clear()

    new.wait_until_ready()

    stopped_books(new, mail, {ADDRESS})
    assert 2 == len(mail.messages)


def test_what_a_killed_process_certainly_did_not_hand_over_is_due_at_once(
    make_service: MakeService, mail: SubmissionServer
) -> None:
    """The next start waits for no lease: messages in `sending` go out, each once."""
    service: Service = make_service(mail.port, WORKER_SLOTS=SLOTS + 1)  # a domain never has the last one
    reached = Reached(mail, Step.EHLO, SLOTS)
    service.start()
    service.wait_until_ready()
    addresses = {f"{number}@people.example" for number in range(SLOTS // 2)}
    for address in sorted(addresses):
        assert 202 == register(service, address)
    reached.wait()
    service.kill()
    mail.clear()
    started = time.monotonic()

    service.start()
    service.wait_until_ready()

    assert SLOTS == service.wait_for_log("messages_recovered")["due_again"]
    assert SLOTS == len(mail.wait_for_blocking(SLOTS, COPY_AFTER_S))
    assert time.monotonic() - started < COPY_AFTER_S
    stopped_books(service, mail, addresses)
