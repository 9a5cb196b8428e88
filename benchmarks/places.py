"""Where a service is measured: a folder on the disk, and on it a SQLite file or a PostgreSQL server of its own."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Kind
from benchmarks.processes import ROOT, Process, free_port
from tests.support.postgresql import Cluster, cluster, run_apart

CHEAP_HASH = {"GATEPOST_ARGON2_MEMORY_KIB": "8", "GATEPOST_ARGON2_TIME_COST": "1"}  # where hashing is not the question


@dataclass(frozen=True)
class Place:
    """A folder, and the PostgreSQL server beside it, if there is one."""

    folder: Path
    server: Cluster | None
    _made: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """The DATABASE_URL of the database of this name, made where it is missing."""
        if self.server is None:
            return f"sqlite:///{self.folder / name}/gatepost.db"
        if name not in self._made:
            self._made[name] = run_apart(self.server.create_database(name))
        return self._made[name]

    def copy(self, name: str, to: str) -> None:
        """Make a database as another one is now, which nobody uses at the moment."""
        if self.server is None:
            (self.folder / to).mkdir()
            shutil.copy(self.folder / name / "gatepost.db", self.folder / to)
        else:
            self._made[to] = run_apart(self.server.create_database(to, template=name))

    def drop(self, name: str) -> None:
        """Delete a database."""
        if self.server is None:
            shutil.rmtree(self.folder / name)
        else:
            run_apart(self.server.drop_database(name))
            del self._made[name]

    def database_cpu_s(self) -> float:
        """Processor seconds the PostgreSQL server used so far, ended sessions included; 0 on SQLite."""
        return 0.0 if self.server is None else _family_s(self.server.pid)


@contextlib.contextmanager
def workplace(kind: Kind = "sqlite") -> Iterator[Place]:
    """A folder on the disk the project is on: /tmp may be memory, where a commit costs nothing."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
    try:
        with contextlib.ExitStack() as servers:
            # Beside the folder, not in it: the server runs as another user.
            server = servers.enter_context(cluster(durable=True, folder=cache)) if kind == "postgresql" else None
            yield Place(folder, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def gatepost(
    place: Place,
    mail_port: int,
    environ: Mapping[str, str] | None = None,
    *,
    watched: bool = False,
    padded: bool = False,
    name: str = "a",
) -> Process:
    """The service as `gatepost serve` runs it, with the database of this name.

    Args:
        place: where its files and its database are.
        mail_port: port of its mail server.
        environ: further settings.
        watched: with the witness of benchmarks.watched.
        padded: its verification mail is made 13 KB long; watched, too.
        name: tells two databases apart.
    """
    port = free_port()
    settings = {
        "GATEPOST_PORT": str(port),
        "GATEPOST_DATABASE_URL": place.url(name),
        "GATEPOST_SECRET_KEYS": "a key of the benchmarks: the same for every start",
        "GATEPOST_SMTP_URL": f"smtp://127.0.0.1:{mail_port}",
        "GATEPOST_SENDER": "Gatepost <no-reply@gatepost.example>",
        "GATEPOST_TRUSTED_PROXIES": "127.0.0.1",  # the load comes from many clients, as in the world
        "GATEPOST_SHUTDOWN_GRACE_S": "1",
        **(environ or {}),
    }
    how = ["-m", "benchmarks.watched", *(["padded"] if padded else [])] if watched or padded else ["-c", _SERVE]
    return Process([sys.executable, *how], port=port, folder=place.folder, environ=settings)


def _family_s(pid: int) -> float:
    """Processor seconds of a process, of its children, and of those it has waited for."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(entry.name) == pid:
                    ticks += sum(map(int, fields[11:15]))
                elif int(fields[1]) == pid:
                    ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


_SERVE = "import sys; from gatepost.cli import main; sys.argv[:] = ['gatepost', 'serve']; main()"
