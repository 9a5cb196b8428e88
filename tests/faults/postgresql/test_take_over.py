"""A worker dies, another is frozen for longer than it may be silent: a third one takes over what they had in flight.

One run of the real half minute for all tests here; what each of them claims is looked up in what the run left.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.hanging import Reached
from tests.faults.rest import come_to_rest, register, tell
from tests.support.installation import Installation, new_database
from tests.support.ledgers import Message, differences, read_books
from tests.support.postgresql import Cluster
from tests.support.programs import Program
from tests.support.service import Service
from tests.support.witness import Move, Witness

# Dead 30 s after the last beat, looked for every 10 s, and something to spare.
TAKEN_OVER_WITHIN_S = 45.0
PATIENCE_S = 90.0
POLL_S = 0.1
SLOTS = 2
KILLED_SENDING, KILLED_COMMITTING = "killed@ehlo.example", "killed@dot.example"
FROZEN_SENDING, FROZEN_COMMITTING = "frozen@ehlo.example", "frozen@dot.example"
IN_FLIGHT = {KILLED_SENDING, KILLED_COMMITTING, FROZEN_SENDING, FROZEN_COMMITTING}
AFTERWARDS = "afterwards@people.example"


@dataclass(frozen=True)
class Aftermath:
    """What the run left. Instants are in seconds by the database's clock."""

    began_at: float
    moves: list[Move]
    log_of_frozen: list[dict[str, object]]
    messages: dict[str, Message]
    received: Counter[str]
    differences: list[str]

    def taken_over_s(self, recipient: str) -> float:
        """From the kill or freeze to the move by which another worker took the message out of the dead one's hands."""
        first = next(move for move in self.moves if move.recipient == recipient and move.at > self.began_at)
        assert (first.owner_before is not None, first.owner_after) == (True, None), first
        return first.at - self.began_at


@pytest.fixture(scope="module")
def aftermath(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """A killed and a frozen worker, each with a message in `sending` and one in `committing`; a third is the heir."""
    with SubmissionServer.in_thread() as mail:
        folder = tmp_path_factory.mktemp("take-over")
        installation = Installation(
            folder,
            new_database(cluster),
            mail.port,
            fronts=1,
            workers=3,
            slots=SLOTS,
            WELCOME="off",
            # Longer than the freeze: what is refused shall be the late write, not the late reply.
            ATTEMPT_TIMEOUT_S=300,
            FINAL_REPLY_TIMEOUT_S=300,
        )
        try:
            yield _run(installation, mail)
        finally:
            installation.close()


def test_a_killed_workers_messages_are_taken_over_in_time(aftermath: Aftermath) -> None:
    """By the database's clock within 45 s of the kill, without an operator and without a restart."""
    took_s = {one: aftermath.taken_over_s(one) for one in (KILLED_SENDING, KILLED_COMMITTING)}
    tell(f"taken over after the kill: {took_s}")
    assert [] == [one for one, seconds in took_s.items() if seconds > TAKEN_OVER_WITHIN_S]
    assert {KILLED_SENDING: 1, KILLED_COMMITTING: 1} == {one: aftermath.received[one] for one in took_s}


def test_a_frozen_workers_messages_are_taken_over_in_time(aftermath: Aftermath) -> None:
    """A worker that is silent for 30 s is dead to the others, whether it comes back or not."""
    took_s = {one: aftermath.taken_over_s(one) for one in (FROZEN_SENDING, FROZEN_COMMITTING)}
    tell(f"taken over after the freeze: {took_s}")
    assert [] == [one for one, seconds in took_s.items() if seconds > TAKEN_OVER_WITHIN_S]


def test_a_worker_that_comes_back_loses_its_claims(aftermath: Aftermath) -> None:
    """Its late mark and its late settle are both refused, and it says so."""
    lost = [line for line in aftermath.log_of_frozen if line["event"] == "claim_lost"]
    ids = {move.message.hex() for move in aftermath.moves if move.recipient in (FROZEN_SENDING, FROZEN_COMMITTING)}
    assert ids == {str(line["message"]).replace("-", "") for line in lost}
    assert 2 == len(lost)


def test_what_it_had_before_the_mark_arrives_once(aftermath: Aftermath) -> None:
    """The heir sends it; the one that came back breaks off before the content."""
    assert 1 == aftermath.received[FROZEN_SENDING]
    message = aftermath.messages[FROZEN_SENDING]
    assert ("accepted", (("worker_died", False), ("accepted", True))) == (message.state, message.tries)


def test_what_it_had_after_the_mark_arrives_at_most_twice(aftermath: Aftermath) -> None:
    """Two copies with one Message-ID, one counted try each; what the late one was answered is not written down."""
    assert 2 == aftermath.received[FROZEN_COMMITTING]
    message = aftermath.messages[FROZEN_COMMITTING]
    assert ("accepted", (("worker_died", True), ("accepted", True))) == (message.state, message.tries)


def test_a_worker_that_came_back_works_again(aftermath: Aftermath) -> None:
    """Alone again, it delivers what is registered then."""
    assert 1 == aftermath.received[AFTERWARDS]


def test_the_ledgers_agree(aftermath: Aftermath) -> None:
    """Driver, database and mail server say the same, and every move was legal."""
    assert [] == aftermath.differences
    assert {"accepted"} == {message.state for message in aftermath.messages.values()}


def _run(installation: Installation, mail: SubmissionServer) -> Aftermath:
    (front,), (killed, frozen, heir) = installation.fronts, installation.workers
    witness = Witness(installation.tables)
    front.start()
    front.wait_until_ready()
    witness.begin()
    _begin_two(front, mail, killed, {KILLED_COMMITTING: Step.DOT, KILLED_SENDING: Step.EHLO})
    _begin_two(front, mail, frozen, {FROZEN_COMMITTING: Step.TAKEN, FROZEN_SENDING: Step.EHLO})
    heir.start()
    heir.wait_for_log("service_started")

    began_at = witness.now()
    killed.kill()
    frozen.freeze()
    mail.clear()
    installation.workers.remove(killed)
    _wait_until_taken_over(witness, began_at)
    come_to_rest(installation)
    frozen.thaw()
    frozen.wait_for_log("claim_lost", count=2)
    installation.workers.remove(heir)
    assert 0 == heir.stop(), heir.text
    assert 202 == register(front, AFTERWARDS)
    come_to_rest(installation)
    log_of_frozen = list(frozen.log)
    assert 0 == installation.stop(), installation.text

    books, received = read_books(installation.tables), list(mail.messages)
    promised = IN_FLIGHT | {AFTERWARDS}
    return Aftermath(
        began_at=began_at,
        moves=witness.moves(),
        log_of_frozen=log_of_frozen,
        messages={message.recipient: message for message in books.messages},
        received=Counter(one.recipient for one in received),
        differences=differences(promised, books, received, templates=["verification"]) + witness.wrong(),
    )


def _begin_two(front: Service, mail: SubmissionServer, worker: Program, where: dict[str, Step]) -> None:
    """Start a worker and let it come to one step with each of two messages, so that it has no slot for more."""
    worker.start()
    worker.wait_for_log("service_started")
    for address, step in where.items():
        recipient = None if step is Step.EHLO else address  # nobody was named yet
        reached = Reached(mail, step, 1, recipient=recipient, times=1)
        assert 202 == register(front, address)
        reached.wait()


def _wait_until_taken_over(witness: Witness, began_at: float) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        taken = {move.recipient for move in witness.moves() if move.at > began_at and move.owner_before}
        if taken >= IN_FLIGHT:
            return
        assert time.monotonic() < give_up_at, f"after {PATIENCE_S:g} s only {taken} were taken over"
        time.sleep(POLL_S)  # the database tells nobody what it did
