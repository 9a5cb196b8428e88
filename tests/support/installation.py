"""An installation of several programs on one PostgreSQL database: front ends that promise, workers that deliver."""

import secrets
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.support.postgresql import Server, run_apart
from tests.support.programs import EXIT_TIMEOUT_S, Program
from tests.support.service import Service
from tests.support.tables import PostgresqlTables

ROLE = "gatepost"
_MAKE_ROLE = f"""DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"""


def new_database(server: Server, tablespace: str = "pg_default") -> PostgresqlTables:
    """An empty database of its own for one installation, whose programs come in as an ordinary role."""
    name = f"fault_{secrets.token_hex(6)}"

    async def make() -> str:
        await server.execute(_MAKE_ROLE)
        await server.execute(f"CREATE DATABASE {name} OWNER {ROLE} TABLESPACE {tablespace}")
        return server.url_of(name)

    admin_url = run_apart(make())
    place = urlsplit(admin_url)
    return PostgresqlTables(urlunsplit(place._replace(netloc=f"{ROLE}@{place.hostname}:{place.port}")), admin_url)


class Installation:
    """`gatepost serve --no-worker` and `gatepost worker`, so many of each; none is started yet.

    Args:
        folder: where they run.
        database: what they share.
        smtp_port: of a server on this machine.
        fronts: how many front ends.
        workers: how many workers.
        slots: of each worker.
        settings: further settings of all of them by their names without GATEPOST_.

    Attributes:
        fronts: the front ends, each with a port of its own.
        workers: the workers.
        tables: what they share.
    """

    def __init__(
        self,
        folder: Path,
        database: PostgresqlTables,
        smtp_port: int,
        *,
        fronts: int = 2,
        workers: int = 2,
        slots: int = 8,
        **settings: str | float,
    ) -> None:
        self.tables = database
        self.fronts = [
            Service(folder, smtp_port, database=database, arguments=("serve", "--no-worker"), **settings)
            for _ in range(fronts)
        ]
        self.workers: list[Program] = []
        for _ in range(workers):
            self.add_worker(slots)

    def add_worker(self, slots: int) -> Program:
        """One more worker; not started yet."""
        front = self.fronts[0]
        self.workers.append(Program(("worker", "--slots", str(slots)), dict(front.settings), front.folder))
        return self.workers[-1]

    @property
    def programs(self) -> list[Program]:
        """All of them."""
        return [*self.fronts, *self.workers]

    @property
    def ports(self) -> list[int]:
        """Where the front ends listen."""
        return [front.port for front in self.fronts]

    @property
    def pids(self) -> list[int]:
        """The processes, to be compared with those of another time."""
        return [program.pid for program in self.programs]

    @property
    def alive(self) -> bool:
        """Whether every program runs."""
        return all(program.alive for program in self.programs)

    @property
    def text(self) -> str:
        """The last lines of all programs, for people."""
        return "\n\n".join(program.text for program in self.programs)

    def start(self) -> None:
        """Start all of them and wait until they work."""
        for program in self.programs:
            program.start()
        for front in self.fronts:
            front.wait_until_ready()
        for worker in self.workers:
            worker.wait_for_log("service_started")

    def stop(self) -> int:
        """SIGTERM to all at once; 0 when each ended with exit code 0."""
        for program in self.programs:
            program.terminate()
        return next((code for program in self.programs if (code := program.wait_for_exit())), 0)

    def close(self) -> None:
        """Leave no process behind."""
        for program in self.programs:
            program.close()

    def age_the_dead(self) -> int:
        """Make the last beats of killed workers older than any may be; returns how many workers those were.

        They count as dead half a minute after it, and most tests do not sleep so long.
        """
        living = ", ".join(f"'%:{worker.pid}:%'" for worker in self.workers)
        return self.tables.change(
            f"UPDATE workers SET beat_at = beat_at - 60000 WHERE NOT owner LIKE ANY (ARRAY[{living}])"
        )

    def wait_for_status(self, path: str, status: int, timeout_s: float = EXIT_TIMEOUT_S) -> float:
        """Wait until every front end answers so; returns how many seconds that took."""
        started = time.monotonic()
        for front in self.fronts:
            front.wait_for_status(path, status, timeout_s)
        return time.monotonic() - started
