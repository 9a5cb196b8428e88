"""gatepost operator: says who may open the operators' pages; the password never stands on the command line."""

import io
import json
import os
import pty
import select
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.service import FAST_HASHES, GATEPOST, START_DEADLINE_S, Done, environment, free_port, gatepost, running
from tests.support.issued_secrets import ISSUED

UID = f"command line (uid {os.getuid()})"
PASSWORD = "seven lanterns by the tide"
CHEAP = {name.removeprefix("GATEPOST_"): value for name, value in FAST_HASHES.items()}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command with something on standard input."""

    def run(folder: Path, *arguments: str, text: str = PASSWORD + "\n", **settings: object) -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return gatepost(folder, "operator", *arguments, "--password-stdin", **CHEAP, **settings)

    ISSUED.note("password", PASSWORD)
    return run


def command(folder: Path, *arguments: str, **settings: object) -> Done:
    """Run one of the commands that take no password."""
    return gatepost(folder, "operator", *arguments, **CHEAP, **settings)


def listed(folder: Path, **settings: object) -> list[tuple[str, str, bool]]:
    """Name, role, and whether they are disabled."""
    done = command(folder, "list", "--json", **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return [(one["name"], one["role"], one["disabled_at"] is not None) for one in json.loads(done.stdout)["operators"]]


def change_all(typed: Any, folder: Path, **settings: object) -> None:
    """Every command in turn: each says what it did."""
    added = typed(folder, "add", "Mira", "--role", "owner", "--reason", "the first", **settings)
    assert (0, "") == (added.returncode, added.stderr)
    assert added.stdout.startswith("mira may sign in as owner at http")
    again = typed(folder, "add", "mira", "--role", "support", **settings)
    assert (1, "gatepost: there is an operator of the name mira already\n") == (again.returncode, again.stderr)
    tom = json.loads(typed(folder, "add", "tom", "--role", "support", "--json", **settings).stdout)["operator"]
    assert ("tom", "support", None) == (tom["name"], tom["role"], tom["disabled_at"])
    said = [
        command(folder, *arguments, **settings).stdout
        for arguments in (("role", "tom", "operator"), ("end-sessions", "tom"), ("disable", "TOM"), ("enable", "tom"))
    ]
    assert [
        "tom has the role operator\n",
        "tom is signed in nowhere\n",
        "tom is disabled\n",
        "tom may sign in\n",
    ] == said
    given = typed(folder, "password", "tom", **settings)
    assert (0, "tom has the new password, and every session is ended\n") == (given.returncode, given.stdout)
    for arguments in (("disable", "mira"), ("role", "mira", "support")):
        refused = command(folder, *arguments, **settings)
        assert (1, "") == (refused.returncode, refused.stdout)
        assert "mira is the last owner who may sign in: say --yes" in refused.stderr
    assert 0 == command(folder, "disable", "mira", "--yes", **settings).returncode
    assert [("mira", "owner", True), ("tom", "operator", False)] == listed(folder, **settings)
    assert "mira  owner     disabled" in command(folder, "list", **settings).stdout
    gone = command(folder, "enable", "nobody", **settings)
    assert 1 == gone.returncode
    assert "there is no operator of the name nobody" in gone.stderr


def test_beside_a_running_service_the_service_does_it(tmp_path: Path, typed: Any) -> None:
    """SQLite: over the socket; its log says who did what to whom, and holds neither password nor hash."""
    with running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{free_port()}", **CHEAP) as service:
        service.ready()
        change_all(typed, tmp_path)
        service.stop()
        assert service.wait() == 0
        told = [one for one in service.events() if one["event"] == "operator_changed"]
        log = service.errors.read_text()
    assert (UID, "add", "mira", "owner") == tuple(told[0][name] for name in ("actor", "action", "operator", "role"))
    assert ["add", "add", "role", "end_sessions", "disable", "enable", "password", "disable"] == [
        one["action"] for one in told
    ]
    assert "argon2" not in log
    assert PASSWORD not in log


def test_without_a_service_the_command_owns_the_file_for_the_moment(tmp_path: Path, typed: Any) -> None:
    """SQLite: the same words and rows; the file is free afterwards."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    change_all(typed, tmp_path)
    assert gatepost(tmp_path, "migrate").returncode == 0


def test_on_postgresql_the_command_writes_by_itself(tmp_path: Path, postgresql_url: str, typed: Any) -> None:
    """Beside any number of services, and without one."""
    change_all(typed, tmp_path, DATABASE_URL=postgresql_url)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least 12 characters"),
        ("short\n", "at least 12 characters"),
        ("password1234\n", "one of the first that attackers try"),
        ("gatepost gatepost\n", "made of your name"),
        ("x" * 2000, "at most 1,024 characters"),
    ],
    ids=["nothing", "short", "common", "personal", "endless"],
)
def test_a_password_follows_the_rules_for_accounts(tmp_path: Path, typed: Any, text: str, says: str) -> None:
    """2 with the rule, before anything is asked or written; what was typed is not repeated."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    refused = typed(tmp_path, "add", "mira", "--role", "owner", text=text)
    assert (2, "") == (refused.returncode, refused.stdout)
    assert says in refused.stderr.replace("1024", "1,024")
    assert "argon2" not in refused.stderr
    assert [] == listed(tmp_path)


def test_a_password_is_typed_twice_and_never_shown(tmp_path: Path) -> None:
    """At a terminal: asked for, asked again where the two differ, and nothing of it is echoed."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    ISSUED.note("password", PASSWORD)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [*GATEPOST, "operator", "add", "mira", "--role", "owner"], environment(**CHEAP))
    shown = b""
    try:
        for prompt, line in (
            (b"of mira: ", PASSWORD),
            (b"Once more: ", "another thing"),
            (b"of mira: ", PASSWORD),
            (b"Once more: ", PASSWORD),
        ):
            shown += _read_until(terminal, prompt)
            os.write(terminal, line.encode() + b"\n")
        shown += _read_until(terminal, b"/admin")
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(terminal)
    assert 0 == os.waitstatus_to_exitcode(status)
    assert PASSWORD.encode() not in shown
    assert [("mira", "owner", False)] == listed(tmp_path)


def test_where_nobody_can_be_asked_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script is told of --password-stdin instead of waiting for ever."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD))
    refused = command(tmp_path, "add", "mira", "--role", "owner")
    assert 2 == refused.returncode
    assert "--password-stdin" in refused.stderr


def _read_until(terminal: int, wanted: bytes) -> bytes:
    """Read what is written until it holds what is waited for. A prompt's last blank comes when typing is heard."""
    shown = b""
    while wanted not in shown:
        assert select.select([terminal], [], [], START_DEADLINE_S)[0], shown
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            piece = b""
        assert piece, shown
        shown += piece
    return shown
