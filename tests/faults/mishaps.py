"""What befalls a message on its way to a mail server: a system beside one, a few people, and what every try came to."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gatepost.testing import SubmissionServer
from tests.faults.rest import come_to_rest, register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.ledgers import Books, bring_copies_forward
from tests.support.witness import Witness

PEOPLE = 4
BOTH_TO_EACH = 2  # a verification and a welcome
# Deadlines of the product that are short enough to be waited for.
QUICK = {"ATTEMPT_TIMEOUT_S": 2, "FINAL_REPLY_TIMEOUT_S": 2}

_TRIES = """SELECT outcome, number, attempts.phase, reply_code, template, recipient_key, state
    FROM attempts JOIN messages ON messages.id = message"""
_STATES = "SELECT state, count(*) FROM messages GROUP BY state"
_TO_COME = "SELECT count(*) FROM messages WHERE state IN ('queued', 'deferred', 'sending', 'committing')"
_COPIES_TO_COME = "SELECT count(*) FROM messages WHERE state = 'unknown' AND due_at IS NOT NULL"


@dataclass(frozen=True)
class Tried:
    """One row of `attempts`, and whose it is; `counted` says whether it counts."""

    outcome: str
    number: int | None
    phase: str | None
    reply_code: int | None
    template: str
    recipient: str
    state: str

    @property
    def counted(self) -> bool:
        return self.number is not None


class Mishap:
    """A system that submits to a mail server, and what it promised.

    Args:
        rig: of this run.
        mail: the server; healthy so far.
        settings: of the system, by their names without GATEPOST_.
        start: leave it to the entry when False.

    Attributes:
        promised: every address that was answered 202.
    """

    def __init__(self, rig: Rig, mail: SubmissionServer, *, start: bool = True, **settings: str | float) -> None:
        self.rig = rig
        self.mail = mail
        self.system: System = rig.system(None if "SMTP_URL" in settings else mail, **settings)
        self.promised: list[str] = []
        self.witness: Witness | None = None
        if start:
            self.start()

    def start(self) -> None:
        """Start the system for the first time."""
        self.witness = self.rig.start(self.system)

    def register(self, count: int = PEOPLE, *, label: str = "mira", domain: str = "people.example") -> list[str]:
        """Register people one after the other: each is answered 202, whatever befalls the mail. Returns who."""
        addresses = [f"{label}-{number}@{domain}" for number in range(count)]
        for number, address in enumerate(addresses):
            front = self.system.fronts[number % len(self.system.fronts)]
            assert 202 == register(front, address), f"{address} was refused"
        self.promised += addresses
        return addresses

    # What is known so far.

    def tries(self) -> list[Tried]:
        """Every try that has ended."""
        return [Tried(*row) for row in self.system.tables.read(_TRIES)[0]]

    def states(self) -> Counter[str]:
        """How many messages are in each state."""
        return Counter(dict(self.system.tables.read(_STATES)[0]))

    def wait_for_tries(self, count: int, *outcomes: str) -> list[Tried]:
        """Wait until so many tries came to one of these outcomes (any, when none is named)."""

        def those() -> list[Tried]:
            return [one for one in self.tries() if not outcomes or one.outcome in outcomes]

        wait_until(lambda: len(those()) >= count, f"fewer than {count} tries ended as {outcomes or 'anything'}")
        return those()

    def wait_for_accepted(self, addresses: Collection[str]) -> None:
        """Wait until everything to these addresses is accepted."""
        wanted = BOTH_TO_EACH * len(addresses)
        wait_until(
            lambda: wanted == sum(one.outcome == "accepted" and one.recipient in addresses for one in self.tries()),
            f"not all of {len(addresses)} people have their mail",
        )

    def wait_for_log(self, event: str, count: int = 1) -> None:
        """Wait until the workers together have logged this event so often."""

        def logged() -> int:
            return sum(line["event"] == event for worker in self.system.workers for line in list(worker.log))

        wait_until(lambda: logged() >= count, f"{event} was not logged {count} times:\n{self.system.text}")

    # The end.

    def hasten_copies(self) -> None:
        """Let the copies of `unknown` messages go out now instead of half a minute later; everything else first."""
        wait_until(lambda: not _count(self.system, _TO_COME), "messages are still on their way")
        if self.rig.database == "sqlite" and _count(self.system, _COPIES_TO_COME):
            assert 0 == self.system.stop(), self.system.text
            bring_copies_forward(self.system.tables)
            self.system.start()

    def finish(self, *, copies: int = 0, ends: Collection[str] = (), mails: Sequence[SubmissionServer] = ()) -> Books:
        """Come to rest and compare the ledgers; at most so many copies were received."""
        if copies:
            self.hasten_copies()
        come_to_rest(self.system)
        code = self.system.stop()
        assert code == 0, f"exit code {code}:\n{self.system.text}"
        received = [message for server in mails or (self.mail,) for message in server.messages]
        books = self.rig.compare(self.system, self.promised, received, ends=ends)
        assert self.rig.figures["copies"] in range(copies + 1), f"{self.rig.figures['copies']} copies"
        return books

    def finish_uncounted(self, **how: object) -> Books:
        """`finish`, and the outage counted no attempt: one for each message, the one that was accepted."""
        books = self.finish(**how)  # type: ignore[arg-type]
        counted = Counter(sum(counts for _, counts in message.tries) for message in books.messages)
        odd = [str(one) for one in books.messages if sum(counts for _, counts in one.tries) != 1]
        assert set(counted) == {1}, f"counted attempts: {counted}; {odd[:3]}; {self._odd_tries()[:4]}"
        return books

    def _odd_tries(self) -> list[Tried]:
        return [one for one in self.tries() if one.outcome != "accepted"]


def _count(system: System, query: str) -> int:
    ((count,),) = system.tables.read(query)[0]
    return int(count)
