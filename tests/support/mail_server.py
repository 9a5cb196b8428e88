"""A real mail server of Debian's in a process of its own, on loopback, and all it writes in one temporary folder.

It delivers whatever it accepts into one maildir and has no way to send anything elsewhere.
"""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.debian import unpacked

HOST = "127.0.0.1"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_S = 60.0
LOG_TIMEOUT_S = 5.0
_POLL_S = 0.01

_CONNECTION = re.compile(r"smtpd\[\d+\]: connect from|SMTP connection from .* \(TCP/IP")

# Waits for the end of the test run, however it comes (its end of the pipe closes), then ends the server it left.
# `-s`, because Debian's sh knows `--` in no other form of `kill`.
_UNDERTAKER = """
cat >/dev/null
if pid=$(cat "$1/undertaker" 2>/dev/null); then kill -s KILL -- "-$pid"; fi
rm -rf "$1"
"""


@dataclass(frozen=True)
class Home:
    """Where one server runs: its folder, its port, and who owns what it delivers.

    Attributes:
        folder: everything it writes is in here.
        port: reserved on loopback; nobody else gets it.
        uid: of `nobody` where the tests run as root, else ours.
        gid: the same.
    """

    folder: Path
    port: int
    uid: int
    gid: int

    @property
    def mailbox(self) -> Path:
        """The maildir that everything is delivered into."""
        return self.folder / "mailbox"

    def make(self, name: str, mode: int = 0o700, uid: int | None = None, gid: int | None = None) -> Path:
        """Make a folder in this one."""
        made = self.folder / name
        made.mkdir()
        if os.geteuid() == 0:
            os.chown(made, self.uid if uid is None else uid, self.gid if gid is None else gid)
        made.chmod(mode)
        return made


@dataclass(frozen=True)
class Certificate:
    """Files in PEM that the server shows and uses for STARTTLS."""

    chain: Path
    key: Path

    def copied_to(self, home: Home) -> "Certificate":
        """Copies that the server may read, whoever it runs as; keys of tests are worth nothing."""
        return Certificate(_copy(self.chain, home), _copy(self.key, home))


def _copy(file: Path, home: Home) -> Path:
    copied = Path(shutil.copyfile(file, home.folder / file.name))
    copied.chmod(0o644)
    return copied


class MailServer:
    """A server that runs.

    Args:
        name: whose software it is, for people.
        home: where it runs.
        queue: the folders that hold a file for every message it has accepted and not delivered.
        log: where it tells its troubles.

    Attributes:
        maildir: what everything is delivered into.
    """

    def __init__(self, name: str, home: Home, queue: Sequence[Path], log: Path) -> None:
        self.name = name
        self.port = home.port
        self.maildir = home.mailbox
        self._mailbox = home.mailbox / "new"
        self._queue = queue
        self._log = log

    def delivered(self) -> list[bytes]:
        """Wait until everything accepted is delivered; return every message in the maildir, with what was added."""
        deadline = time.monotonic() + DELIVERY_TIMEOUT_S
        while self._waiting() or self._waiting():  # twice: one may be moved while the folders are looked through
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{self.name} still holds {self._waiting()} files of messages:\n{self.log()[-2000:]}"
                )
            time.sleep(_POLL_S)  # a folder that becomes empty tells nobody
        return [path.read_bytes() for path in self._mailbox.iterdir()] if self._mailbox.exists() else []

    def empty(self) -> None:
        """Forget what was delivered."""
        for path in self._mailbox.iterdir() if self._mailbox.exists() else ():
            path.unlink()

    def log(self) -> str:
        """What it wrote about its work."""
        return self._log.read_text(errors="replace") if self._log.exists() else "(no log)"

    def connections(self, at_least: int = 0) -> int:
        """How many were made to it since it started; logs come late, so it waits a while for `at_least` so many."""
        deadline = time.monotonic() + LOG_TIMEOUT_S
        while (made := len(_CONNECTION.findall(self.log()))) < at_least and time.monotonic() < deadline:
            time.sleep(_POLL_S)  # a file that grows tells nobody
        return made

    def _waiting(self) -> int:
        return sum(len(files) for folder in self._queue for _, _, files in os.walk(folder))


def debian_software(name: str, *packages: str) -> Path:
    """The folder with the unpacked packages; skips the test where they are not to be had (fails it in CI)."""
    root = unpacked(*packages)
    if root is None:
        not_to_be_had(f"no {name} here: apt could not fetch Debian's package {packages[0]}")
    assert root is not None
    return root


def not_to_be_had(sentence: str) -> None:
    """Skip the test, or fail it with REQUIRE_MAIL_SERVERS=1."""
    if os.environ.get("REQUIRE_MAIL_SERVERS"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@contextlib.contextmanager
def new_home(prefix: str) -> Iterator[Home]:
    """A folder and a port for one server; gone afterwards, the server too, also when the test run is killed."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)  # servers change their user
    undertaker = subprocess.Popen(
        ["/bin/sh", "-c", _UNDERTAKER, "undertaker", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # or whoever reads what the run prints would wait for it
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        # Bound and not listening: until the end nobody else gets it, and the server can listen on it.
        with socket.socket() as reserved:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((HOST, 0))
            owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
            yield Home(folder, reserved.getsockname()[1], owner.pw_uid, owner.pw_gid)
    finally:
        assert undertaker.stdin is not None
        undertaker.stdin.close()
        undertaker.wait()


@contextlib.contextmanager
def running(
    server: MailServer, home: Home, command: Sequence[str | Path], environ: Mapping[str, str], *, as_owner: bool
) -> Iterator[MailServer]:
    """Start it in a process group of its own, wait for its greeting, and end the group afterwards."""
    output = home.folder / "output"
    who: dict[str, Any] = (
        {"user": home.uid, "group": home.gid, "extra_groups": []} if as_owner and os.geteuid() == 0 else {}
    )
    with output.open("wb") as written:
        process = subprocess.Popen(
            command,
            env={"PATH": os.defpath, **environ},
            cwd=home.folder,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,  # Ctrl-C is for the test run, which stops it in order
            **who,
        )
    (home.folder / "undertaker").write_text(str(process.pid))
    try:
        _wait_for_greeting(process, home.port, lambda: output.read_text(errors="replace") + server.log())
        yield server
    finally:
        _end(process)
        (home.folder / "undertaker").unlink()


def _wait_for_greeting(process: "subprocess.Popen[bytes]", port: int, told: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1) as line:
            line.settimeout(START_TIMEOUT_S)
            if line.recv(3) == b"220":
                return
        time.sleep(_POLL_S)  # nothing tells another process that a port has begun to listen
    raise RuntimeError(f"{process.args!r} did not start:\n{told()}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Its group is its own, and stays so while the process has not been waited for."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
