"""Messages that break what handles them: a template that raises, one that kills its process, requests too large."""

import http.client
import os
import time

from gatepost.mail.template import Template
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.rest import register
from tests.faults.rig import Rig
from tests.faults.system import System, Together
from tests.faults.tries import Messages, Receipts, look_at_tries
from tests.support.driver import PASSWORD, registration
from tests.support.ledgers import Books, Message, bring_copies_forward
from tests.support.service import Service

NEIGHBOURS = 20
POISON = "poison@people.example"
HELD_WITHIN_S = 150.0
POLL_S = 0.02
EXIT_CODE = 70
# Raises for names of four letters, and for no others: what is wrong shows only when it is filled.
RAISES = "Hello {{ name }}, you have {{ 1 // (name | length - 4) }} new messages.\n"
LARGE_NAME, LARGER_THAN_ANY = 100_000, 60_000


@fault(88, name="a template raises", shows="I1 I7 I8", databases=BOTH)
def a_template_raises(rig: Rig) -> None:
    """The message is held with the reason; the process lives, and its neighbours are delivered."""
    folder = rig.folder / "templates" / "welcome" / "en"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Welcome\n")
    (folder / "body.txt").write_text(RAISES)
    (folder / "body.html").write_text(f"<!-- preheader: Welcome -->\n<p>{RAISES}</p>\n")
    mail = rig.mail_server()
    system = rig.system(mail, TEMPLATES=str(rig.folder / "templates"))
    rig.start(system)
    pids = [program.pid for program in system.programs]
    neighbours = _register(system, NEIGHBOURS, name="Someone")
    assert 202 == register(system.fronts[0], POISON)

    books = rig.finish(system, {*neighbours, POISON}, mail, ends=("held",))
    assert pids == [program.pid for program in system.programs]
    (held,) = _held(books)
    assert (POISON, "welcome", "cannot_compose") == (held.recipient, held.template, held.reason)
    assert 0 == rig.figures["copies"]


@fault(89, name="rendering kills the process", shows="I1 I3 I7", databases=BOTH, ci=SQLITE, deadline_s=240)
def rendering_kills_the_process(rig: Rig) -> None:
    """Started again each time, it finds out which message it is, holds that one, and delivers the neighbours."""
    mail = rig.mail_server()
    receipts = Receipts(mail)
    system = rig.system(mail, WELCOME="off")
    for program in system.programs:
        program.hook = die_of_poison
    witness = rig.start(system)
    neighbours = _register(system, NEIGHBOURS)
    began = time.monotonic()
    assert 202 == register(system.fronts[0], POISON)
    neighbours |= _register(system, NEIGHBOURS, first=NEIGHBOURS)

    while not system.tables.read("SELECT 1 FROM messages WHERE state = 'held'")[0]:
        assert time.monotonic() - began < HELD_WITHIN_S, "it is not held"
        _start_the_dead(system)
        time.sleep(POLL_S)  # a process that is ready to die tells nobody
    held_after_s = time.monotonic() - began
    for program in system.programs:
        program.wait_for_log("service_started")  # before that a stop is a death
    assert 0 == system.stop(), system.text
    bring_copies_forward(system.tables)  # of neighbours that were under way at a death
    system.start()
    books = rig.finish(system, {*neighbours, POISON}, mail, templates=["verification"], ends=("held",))

    (held,) = _held(books)
    assert (POISON, "kills_process") == (held.recipient, held.reason)
    found = look_at_tries(witness.moves(), Messages.of(system.tables), receipts.instants)
    assert [] == found.wrong
    rig.tell(deaths=sum(outcome == "worker_died" for outcome, _ in held.tries), held_after_s=round(held_after_s, 1))


@fault(90, name="bodies and names too large", shows="I1 I6 I8", databases=BOTH)
def bodies_and_names_too_large(rig: Rig) -> None:
    """413 and 422, nothing of it is stored, and the next registration is answered as ever."""
    mail = rig.mail_server()
    system = rig.system(mail)
    rig.start(system)
    (front, *_) = system.fronts
    given = registration("large@people.example")
    assert 413 == front.post("/auth/register", **{**given, "name": "M" * LARGE_NAME})[0]
    for key in given:
        answer = front.post("/auth/register", **{**given, key: "M" * LARGER_THAN_ANY})
        assert answer[0] == 422, f"a large {key} was answered {answer[0]}"
        assert len(answer[2]) < LARGER_THAN_ANY, f"the answer about a large {key} says it back"
    assert 413 == _announce(front, 10**12)
    neighbours = _register(system, NEIGHBOURS)
    rig.finish(system, neighbours, mail)


def die_of_poison() -> None:
    """In the program's own process: let rendering one message end it, as a fault in a library's C code does."""
    encode = Template.encode

    def lethal(self: Template, values: dict[str, str]) -> object:
        if POISON in map(str, values.values()):
            os._exit(EXIT_CODE)
        return encode(self, values)

    Template.encode = lethal  # type: ignore[assignment, method-assign]


def _register(system: System, count: int, *, first: int = 0, name: str = "Mira") -> set[str]:
    """Register so many; a process may die meanwhile, and is started again."""
    addresses = [f"neighbour-{number:03}@people.example" for number in range(first, first + count)]
    for address in addresses:
        while True:
            try:
                status = system.fronts[0].post("/auth/register", email=address, password=PASSWORD, name=name)[0]
            except (OSError, http.client.HTTPException):
                _start_the_dead(system)
            else:
                assert 202 == status
                break
    return set(addresses)


def _start_the_dead(system: System) -> None:
    """Start what is dead, whether it becomes ready or not, and let its messages be taken over now."""
    dead = [program for program in system.programs if not program.alive]
    for program in dead:
        program.start()
    if dead and isinstance(system, Together):
        system.age_the_dead()


def _held(books: Books) -> list[Message]:
    return [message for message in books.messages if message.state == "held"]


def _announce(front: Service, length: int) -> int:
    """POST a body that is said to be so large; returns the status, which comes before it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    try:
        connection.putrequest("POST", "/auth/register")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()
