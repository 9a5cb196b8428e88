"""What a fault befalls, behind the same words: one service on SQLite, or front ends and workers on PostgreSQL."""

from pathlib import Path
from typing import Protocol

from tests.faults.rest import start_again
from tests.support.installation import Installation
from tests.support.programs import Program
from tests.support.service import Service
from tests.support.tables import Tables

_OWNER = "SELECT owner FROM messages WHERE owner IS NOT NULL AND recipient_key = '{recipient}'"


class System(Protocol):
    """Programs that together promise and deliver.

    Attributes:
        tables: their database.
        fronts: those that answer HTTP.
        workers: those that deliver; on SQLite the same process.
    """

    tables: Tables
    fronts: list[Service]
    workers: list[Program]

    @property
    def programs(self) -> list[Program]: ...

    @property
    def ports(self) -> list[int]: ...

    @property
    def alive(self) -> bool: ...

    @property
    def text(self) -> str: ...

    def start(self) -> None:
        """Start everything and wait until it works."""
        ...

    def stop(self) -> int:
        """SIGTERM to everything; 0 when each ended with exit code 0."""
        ...

    def close(self) -> None:
        """Leave no process behind."""
        ...

    def who_delivers_to(self, recipient: str) -> Program:
        """The worker that has a message to this address in flight; any thread may ask, also the mail server's."""
        ...

    def take_for_dead(self, worker: Program) -> None:
        """Let its messages be taken over now, as if it had been silent for half a minute; on SQLite nobody is there."""
        ...

    def revive(self) -> None:
        """Start what is dead, and let its messages be taken over now; no test waits half a minute for that."""
        ...


class Alone:
    """One `gatepost serve` on a SQLite file."""

    def __init__(self, folder: Path, smtp_port: int | None, *, from_shell: bool, **settings: str | float) -> None:
        self.service = Service(folder, smtp_port, from_shell=from_shell, **settings)
        self.tables = self.service.tables
        self.fronts: list[Service] = [self.service]
        self.workers: list[Program] = [self.service]
        self.programs: list[Program] = [self.service]
        self.ports = [self.service.port]

    @property
    def alive(self) -> bool:
        return self.service.alive

    @property
    def text(self) -> str:
        return self.service.text

    def start(self) -> None:
        self.service.start()
        self.service.wait_until_ready()

    def stop(self) -> int:
        return self.service.stop()

    def close(self) -> None:
        self.service.close()

    def who_delivers_to(self, recipient: str) -> Program:
        return self.service

    def take_for_dead(self, worker: Program) -> None:
        """Only its end frees the file's lock."""

    def revive(self) -> None:
        if not self.alive:
            start_again(self.service)


class Together(Installation):
    """`gatepost serve --no-worker` and `gatepost worker`, several of each, on PostgreSQL."""

    def who_delivers_to(self, recipient: str) -> Program:
        owners = [owner for (owner,) in self.tables.read(_OWNER.format(recipient=recipient))[0]]
        return next(worker for worker in self.workers if any(f":{worker.pid}:" in owner for owner in owners))

    def take_for_dead(self, worker: Program) -> None:
        self.tables.change(f"UPDATE workers SET beat_at = beat_at - 60000 WHERE owner LIKE '%:{worker.pid}:%'")

    def revive(self) -> None:
        dead = [program for program in self.programs if not program.alive]
        for program in dead:
            program.start()
        for front in self.fronts:
            front.wait_until_ready()
        for worker in self.workers:
            worker.wait_for_log("service_started")
        self.age_the_dead()
