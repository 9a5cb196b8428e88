"""`gatepost messages watch`: lines into a pipe, a table on a terminal, and an end that leaves nothing behind."""

import json
import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from gatepost.cli.watch import Look, Moves, frame
from gatepost.clock import SystemClock
from gatepost.database.opening import open_database
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.queue_hold import QueueHold
from gatepost.outbox.queue_stats import QueueStats
from gatepost.outbox.search import MessageRow, page
from tests.cli.service import GATEPOST, environment
from tests.support.postgresql import run_apart

HOSTILE = "eve\u001b[2J@example.com"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database with one message."""
    url = f"sqlite:///{tmp_path}/gatepost.db"
    run_apart(_promise(url, "ann@example.com"))
    return url


async def _promise(url: str, recipient: str) -> list[MessageRow]:
    database = await open_database(url, wait_for_owner_s=0)
    draft = Draft(template="welcome", recipient=recipient)
    await database.write(lambda tx: enqueue(tx, draft, now_ms=SystemClock().now_ms(), domain="acme.example").id)
    rows = await database.read(page)
    await database.close()
    return rows


def test_into_a_pipe_each_move_is_a_line(tmp_path: Path, url: str) -> None:
    """What is there, and what comes, each at once and once; Ctrl+C is the usual end, so it is 0."""
    watching = subprocess.Popen(
        [*GATEPOST, "messages", "watch", "--json"],
        cwd=tmp_path,
        env=environment(DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    there = json.loads(watching.stdout.readline())
    run_apart(_promise(url, "bob@example.com"))
    came = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    rest, complaint = watching.communicate(timeout=30)
    assert (0, "", "") == (watching.returncode, rest, complaint)
    assert ["ann@example.com", "bob@example.com"] == [there["recipient"], came["recipient"]]
    assert ("queued", None, "welcome", 0) == tuple(came[name] for name in ("state", "reason", "template", "attempts"))


def test_on_a_terminal_it_is_a_table_and_the_cursor_comes_back(tmp_path: Path, url: str) -> None:
    """SIGTERM ends it as Ctrl+C does."""
    master, terminal = pty.openpty()
    watching = subprocess.Popen(
        [*GATEPOST, "messages", "watch"],
        cwd=tmp_path,
        env=environment(DATABASE_URL=url) | {"TERM": "xterm", "COLUMNS": "150", "LINES": "40"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    while b"ann@example.com" not in shown:
        assert select.select([master], [], [], 30)[0], shown
        shown += os.read(master, 65_536)
    watching.terminate()
    assert 0 == watching.wait(30)
    while select.select([master], [], [], 0)[0]:
        try:
            shown += os.read(master, 65_536)
        except OSError:  # Linux's word for the end of a terminal
            break
    os.close(master)
    assert b"Ctrl+C ends this" in shown
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") >= 0
    assert b"Traceback" not in shown


def _look(rows: list[MessageRow], hold: QueueHold | None = None) -> Look:
    return Look(0, QueueStats({"queued": 1, "held": 0}, None, hold, 1, 0.5), rows)


def test_what_strangers_wrote_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in lines nor in the table; a held queue is shown above it."""
    (row,) = run_apart(_promise(f"sqlite:///{tmp_path}/gatepost.db", "ann@example.com"))
    hostile = MessageRow(**{**vars(row), "recipient": HOSTILE})
    moves = Moves(as_json=False)
    moves.show(_look([hostile]))
    moves.show(_look([hostile]))
    moves.show(_look([MessageRow(**{**vars(hostile), "state": "deferred", "attempts": 1})]))
    lines = capsys.readouterr().out.splitlines()
    assert [["queued", "0"], ["deferred", "1"]] == [[line.split()[2], line.split()[-1]] for line in lines]
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(frame(_look([hostile], QueueHold(0, "somebody", "\u001b[31mwhy"))))
    drawn = console.export_text(styles=False)
    assert "HELD since 1970-01-01T00:00:00.000Z by somebody: \\u001b[31mwhy" in drawn
    for shown in (*lines, drawn):
        assert ("\u001b" in shown, "eve\\u001b[2J@example.com" in shown) == (False, True)
