"""`gatepost backup`: a copy of one moment beside a busy service, which another service can start on."""

import json
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gatepost.database import backup as backing_up
from gatepost.database.backup import back_up
from gatepost.errors import StartRefused
from gatepost.testing import SubmissionServer
from tests.cli.service import GATEPOST, environment, free_port, gatepost, running, until


def test_a_service_starts_on_a_backup_made_under_load_and_sends_what_waited(tmp_path: Path) -> None:
    """Registrations go on while it is copied; what had been promised by then is in it, whole, and is delivered."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after / "var"):
        folder.mkdir(parents=True)
    with running(before, SMTP_URL=f"smtp://127.0.0.1:{free_port()}", RATE_LIMITS="off") as service:
        service.ready()
        promised = [f"early-{number}@example.com" for number in range(5)]
        assert {202} == {service.register(address) for address in promised}
        over = threading.Event()
        load = threading.Thread(target=_register_on, args=(service, over))
        load.start()
        copy = after / "var/gatepost.db"
        done = gatepost(before, "backup", str(copy), "--json")
        over.set()
        load.join()
        assert (done.returncode, done.stderr) == (0, "")
        service.stop()
        assert service.wait() == 0
    told = json.loads(done.stdout)
    assert (str(copy), copy.stat().st_size, ["the development key var/secret.key"]) == (
        told["file"],
        told["bytes"],
        told["keep"],
    )
    assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
    assert ["gatepost.db"] == [one.name for one in copy.parent.iterdir()]
    shutil.copy(before / "var/secret.key", after / "var")
    with closing(sqlite3.connect(copy)) as database:
        (waiting,) = database.execute(
            "SELECT count(*) FROM messages WHERE state IN ('queued', 'deferred', 'sending')"
        ).fetchone()
    with SubmissionServer.in_thread() as server, running(after, SMTP_URL=f"smtp://127.0.0.1:{server.port}") as restored:
        restored.ready()
        until(lambda: len(server.messages) >= waiting)
        recipients = [message.recipient for message in server.messages]
        restored.stop()
        assert restored.wait() == 0
    assert set(promised) <= set(recipients)
    assert waiting == len(recipients)


def _register_on(service, over: threading.Event) -> None:  # type: ignore[no-untyped-def]
    number = 0
    while not over.is_set():
        service.register(f"load-{number}@example.com")
        number += 1


def test_nothing_is_overwritten_and_nothing_half_done_stays(tmp_path: Path) -> None:
    """A file that is there, a folder that is not, a database that is none: refused with 2, and nothing is made."""
    assert gatepost(tmp_path, "backup", "copy.db").returncode == 2
    assert gatepost(tmp_path, "migrate").returncode == 0
    assert gatepost(tmp_path, "backup", "copy.db").returncode == 0
    copied = (tmp_path / "copy.db").read_bytes()
    again = gatepost(tmp_path, "backup", "copy.db")
    assert (2, True) == (again.returncode, "is there already" in again.stderr)
    assert (2, copied) == (gatepost(tmp_path, "backup", "no/copy.db").returncode, (tmp_path / "copy.db").read_bytes())
    (tmp_path / "text.db").write_text("no database" * 1_000)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    for none in ("text.db", "other.db"):
        refused = gatepost(tmp_path, "backup", "second.db", DATABASE_URL=f"sqlite:///{none}")
        assert (2, "Traceback" in refused.stderr) == (refused.returncode, False)
    assert [] == [one.name for one in tmp_path.iterdir() if one.name.startswith(("second", "."))]


def test_a_damaged_database_makes_no_backup(tmp_path: Path) -> None:
    """The copy is looked through before it gets its name."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    file = tmp_path / "var/gatepost.db"
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    pages = bytearray(file.read_bytes())
    half = len(pages) // 2 // 4096 * 4096
    pages[half : half + 64] = b"\xff" * 64
    file.write_bytes(pages)
    refused = gatepost(tmp_path, "backup", "copy.db")
    assert (2, "damaged") == (refused.returncode, "damaged" if "damaged" in refused.stderr else refused.stderr)
    assert not (tmp_path / "copy.db").exists()


def test_what_is_interrupted_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C between two pieces: the unfinished copy goes."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    monkeypatch.setattr(backing_up, "PAGES_AT_ONCE", 5)
    seen: list[float] = []

    def interrupt(done: float) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    before = sorted(one.name for one in tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        back_up(tmp_path / "var/gatepost.db", tmp_path / "copy.db", on_progress=interrupt)
    assert (True, before) == (0 < seen[0] < seen[1] < seen[2] < 1, sorted(one.name for one in tmp_path.iterdir()))
    back_up(tmp_path / "var/gatepost.db", tmp_path / "copy.db", on_progress=seen.append)
    assert 1 == seen[-1]


def test_commits_meanwhile_neither_begin_it_anew_nor_come_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two pieces somebody commits: each piece is copied once, and all of them are of the first moment."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    monkeypatch.setattr(backing_up, "PAGES_AT_ONCE", 5)
    seen: list[float] = []
    with closing(sqlite3.connect(tmp_path / "var/gatepost.db", isolation_level=None)) as service:

        def commit(done: float) -> None:
            seen.append(done)
            assert len(seen) < 100, "it began anew"
            service.execute("INSERT INTO bookmarks VALUES (?, ?)", (f"mark {len(seen)}", bytes(16)))

        back_up(tmp_path / "var/gatepost.db", tmp_path / "copy.db", on_progress=commit)
        assert (len(seen),) == service.execute("SELECT count(*) FROM bookmarks").fetchone()
    assert (seen, True) == (sorted(set(seen)), len(seen) > 3)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert (0,) == copy.execute("SELECT count(*) FROM bookmarks").fetchone()


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Who was first keeps the name."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    target = tmp_path / "copy.db"
    with pytest.raises(StartRefused, match="cannot back up"):
        back_up(tmp_path / "var/gatepost.db", target, on_progress=lambda done: target.write_text("first") and None)
    assert "first" == target.read_text()
    assert {"copy.db", "var"} == {one.name for one in tmp_path.iterdir()}


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    """And SIGTERM is as Ctrl+C, so that nothing half done stays then either."""
    code = (
        "import sys, threading\n"
        "from gatepost.cli import commands\n"
        "from gatepost.cli.progress import progress\n"
        "@commands.cli.command('wait')\n"
        "def wait() -> None:\n"
        "    with progress('waiting'):\n"
        "        print('ready', flush=True)\n"
        "        threading.Event().wait(30)\n"
        "commands.main(['wait'])\n"
    )
    asked = {
        number: subprocess.Popen(
            [GATEPOST[0], "-c", code], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    for number, one in asked.items():
        assert one.stdout is not None
        assert b"ready\n" == one.stdout.readline()
        one.send_signal(number)
        _, complaint = one.communicate(timeout=30)
        assert (130, False) == (one.returncode, b"Traceback" in complaint)


def test_postgresql_has_a_tool_of_its_own(tmp_path: Path) -> None:
    """It is named, with what it needs; no server is asked."""
    refused = gatepost(tmp_path, "backup", "copy.db", DATABASE_URL="postgresql://me:hunter2@db.example/gatepost")
    assert (1, "") == (refused.returncode, refused.stdout)
    assert "pg_dump --format=custom --schema=gatepost" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_it_says_which_keys_to_keep(tmp_path: Path) -> None:
    """By their names, and never what they are."""
    settings = {"SECRET_KEYS": "a" * 43, "SUPPRESSION_KEY": "b" * 43}
    assert gatepost(tmp_path, "migrate", **settings).returncode == 0
    said = gatepost(tmp_path, "backup", "copy.db", **settings).stdout
    assert ["  GATEPOST_SECRET_KEYS", "  GATEPOST_SUPPRESSION_KEY"] == said.splitlines()[2:]
    assert "aaa" not in said
