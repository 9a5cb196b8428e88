"""The parts an entry of the catalogue is made of: systems, mail servers, a load, and the comparison at the end."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from gatepost.testing import AcceptedMessage, SubmissionServer
from tests.faults.entry import Database
from tests.faults.rest import REST_TIMEOUT_S, come_to_rest
from tests.faults.system import Alone, System, Together
from tests.support.driver import Driver
from tests.support.installation import new_database
from tests.support.ledgers import Books, differences, read_books
from tests.support.postgresql import Cluster, run_apart
from tests.support.tables import PostgresqlTables, SqliteTables
from tests.support.template import place_witnessed_file
from tests.support.witness import LEGAL, Witness

CLIENTS = 8
GRACE_S = 5
BOTH_MESSAGES = ("verification", "welcome")


class Rig:
    """One run of one entry. Everything it makes ends with it, also when the entry fails or hangs.

    Args:
        folder: empty, of this run alone.
        database: which one its systems use.
        seed: of every choice the entry makes.
        cluster: gives the PostgreSQL all runs share, syncing to the disk; each run leaves it running.

    Attributes:
        chance: made of the seed.
        figures: what the run tells besides that it passed, by name.
    """

    def __init__(self, folder: Path, database: Database, seed: int, cluster: Callable[[], Cluster]) -> None:
        self.folder = folder
        self.database: Database = database
        self.seed = seed
        self.chance = random.Random(seed)
        self.figures: dict[str, object] = {}
        self._cluster = cluster
        self._witnesses: dict[int, Witness] = {}
        self._ends = contextlib.ExitStack()
        self._closed = False

    # Parts.

    @property
    def cluster(self) -> Cluster:
        """The PostgreSQL of all runs, for what must befall the server itself."""
        return self._cluster()

    def mail_server(self, **options: object) -> SubmissionServer:
        """A mail server in this process, on a thread of its own; for its options see `SubmissionServer`."""
        return self._ends.enter_context(SubmissionServer.in_thread(**options))

    def system(
        self,
        mail: SubmissionServer | None,
        *,
        from_shell: bool = False,
        fronts: int = 2,
        workers: int = 2,
        slots: int = 8,
        folder: Path | None = None,
        **settings: str | float,
    ) -> System:
        """What the fault befalls; not started yet.

        Args:
            mail: where it submits; None for what `SMTP_URL` among the settings says.
            from_shell: on SQLite: started by exec as a shell does, with what `from_shell` of `Program` says.
            fronts: how many front ends, on PostgreSQL.
            workers: how many workers, on PostgreSQL.
            slots: of each worker.
            folder: where it runs, if not in this run's own folder.
            settings: by their names without GATEPOST_.
        """
        settings = {"SHUTDOWN_GRACE_S": GRACE_S, **settings}
        port = mail.port if mail is not None else None
        made: System
        if self.database == "sqlite":
            settings.setdefault("WORKER_SLOTS", slots)
            made = Alone(folder or self.folder, port, from_shell=from_shell, **settings)
        else:
            made = Together(
                folder or self.folder,
                self.new_database(),
                port or 0,
                fronts=fronts,
                workers=workers,
                slots=slots,
                **settings,
            )
        self._ends.callback(made.close)
        return made

    def new_database(self) -> PostgresqlTables:
        """An empty database of PostgreSQL, gone after this run."""
        made = new_database(self.cluster)
        self._ends.callback(lambda: run_apart(self.cluster.drop_database(made.name)))
        return made

    def start(self, system: System) -> Witness:
        """Start a system for the first time, with a witness of every move of every message."""
        self._witnesses[id(system)] = witness = Witness(system.tables)
        if isinstance(system.tables, SqliteTables):  # only while nothing runs may somebody else write to the file
            place_witnessed_file(system.tables.path)
            system.start()
        else:
            system.start()
            witness.begin()
        return witness

    @contextlib.asynccontextmanager
    async def load(self, system: System, *, clients: int = CLIENTS, label: str = "load") -> AsyncIterator[Driver]:
        """People register while the block runs, and one after the other is written down as promised."""
        driver = Driver(*system.ports, clients=clients, seed=self.seed, label=label)
        driving = asyncio.create_task(driver.run())
        try:
            yield driver
            driver.leave()
            await driving
        finally:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)

    def tell(self, **figures: object) -> None:
        """Figures that stand beside the result."""
        self.figures.update(figures)

    # The end.

    def finish(
        self,
        system: System,
        promised: Driver | Collection[str],
        received: SubmissionServer | Sequence[AcceptedMessage],
        *,
        templates: Sequence[str] = BOTH_MESSAGES,
        ends: Collection[str] = (),
        timeout_s: float = REST_TIMEOUT_S,
    ) -> Books:
        """Come to rest, stop, and find that nothing is lost, wrong, or on its way.

        The system stops with exit code 0; the three ledgers agree (see `ledgers.differences`); every move the witness
        saw is legal and at its time (see `Witness.wrong`); no answer but 202 and 503 was given.

        Args:
            system: it runs.
            promised: the driver that registered, or the addresses that were acknowledged.
            received: the mail server, or what several of them received together.
            templates: the messages every account must have, once each.
            ends: states that are a right end besides `accepted`, `unknown` after its copies, and `cancelled`.
            timeout_s: how long the rest may take.
        """
        come_to_rest(system, timeout_s)
        code = system.stop()
        assert code == 0, f"a program ended with exit code {code}:\n{system.text}"
        return self.compare(system, promised, received, templates=templates, ends=ends)

    def compare(
        self,
        system: System,
        promised: Driver | Collection[str],
        received: SubmissionServer | Sequence[AcceptedMessage],
        *,
        templates: Sequence[str] = BOTH_MESSAGES,
        ends: Collection[str] = (),
    ) -> Books:
        """What `finish` does once the system is at rest and has ended."""
        books = read_books(system.tables)
        mails = list(received.messages if isinstance(received, SubmissionServer) else received)
        addresses = promised.acknowledged if isinstance(promised, Driver) else promised
        found = differences(addresses, books, mails, templates=templates, ends=ends)
        if (witness := self._witnesses.get(id(system))) is not None:
            found += witness.wrong(LEGAL)
        if isinstance(promised, Driver):
            found += [f"surprising answer: {answer}" for answer in promised.surprises[:5]]
        assert found == [], "\n".join(found)
        self.figures.setdefault("promised", len(addresses))
        self.figures.setdefault("copies", len(mails) - len({one.message_id for one in mails}))
        return books

    def close(self) -> None:
        """End everything this run made; may be called twice, and from another thread than the entry's."""
        if not self._closed:
            self._closed = True
            self._ends.close()
