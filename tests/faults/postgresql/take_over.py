"""A worker dies, another is frozen for longer than it may be silent, a third takes over what they had in flight.

The real half minute is waited for once, beside the other tests of this folder: `begin` starts the run on a thread, on a
server of its own. What it left is looked up by the tests.
"""

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.hanging import Reached
from tests.faults.rest import come_to_rest, register
from tests.support.installation import Installation, new_database
from tests.support.ledgers import Message, bring_copies_forward, differences, read_books
from tests.support.postgresql import own_cluster
from tests.support.programs import Program
from tests.support.service import Service
from tests.support.witness import Move, Witness

PATIENCE_S = 90.0
POLL_S = 0.5
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


def begin(folder: Path) -> "Future[Aftermath]":
    """Begin the run."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="take-over")
    running = thread.submit(_run_apart, folder)
    thread.shutdown(wait=False)
    return running


def _run_apart(folder: Path) -> Aftermath:
    """A killed and a frozen worker, each with a message in `sending` and one in `committing`; a third is the heir."""
    with own_cluster() as server, SubmissionServer.in_thread() as mail:
        installation = Installation(
            folder,
            new_database(server),
            mail.port,
            fronts=1,
            workers=2,
            slots=SLOTS,
            WELCOME="off",
            # Longer than the freeze: what is refused shall be the late write, not the late reply.
            ATTEMPT_TIMEOUT_S=300,
            FINAL_REPLY_TIMEOUT_S=300,
        )
        try:
            return _run(installation, mail)
        finally:
            installation.close()


def _run(installation: Installation, mail: SubmissionServer) -> Aftermath:
    (front,), (killed, frozen) = installation.fronts, installation.workers
    heir = installation.add_worker(len(IN_FLIGHT) + 1)  # the last slot is never for a domain that has others
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
    installation.workers.remove(killed)
    mail.clear()  # what the frozen one waited for comes now, and lies in its sockets
    heirs = Reached(mail, Step.EHLO, len(IN_FLIGHT))
    _wait_until_taken_over(witness, began_at)
    bring_copies_forward(installation.tables)
    heirs.wait()
    # The heir has them all in flight, in the very states the late writes ask for: only owner and claim number differ.
    frozen.thaw()
    frozen.wait_for_log("claim_lost", count=2)
    mail.clear()
    come_to_rest(installation)
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
