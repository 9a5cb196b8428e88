"""The README does what it says: its commands run, its code runs, its log lines are lines the log can write."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gatepost import events
from gatepost.transport.folder import Mailbox
from tests.docs.pages import ROOT, fenced, section

README = (ROOT / "README.md").read_text()
HOW_TO = (ROOT / "docs" / "how-to" / "add-to-your-app.md").read_text()
DEADLINE_S = 30.0
# `./run` would make .venv anew; what it starts is started directly.
GATEPOST = [sys.executable, "-c", "from gatepost.cli import main; main()"]
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the README's requests are made with curl")


def commands() -> list[str]:
    """Every line of every console block."""
    return [line for block in fenced(README, "console") for line in block.splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program with these variables and no other setting; ended at the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    running = subprocess.Popen(
        command, cwd=folder, env=kept | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    watchdog = threading.Timer(DEADLINE_S, running.kill)
    watchdog.start()
    try:
        yield running
    finally:
        watchdog.cancel()
        running.terminate()
        running.communicate()


def wait_for(running: subprocess.Popen[str], part: str) -> str:
    """Read what a program prints until a line holds `part`."""
    assert running.stdout is not None
    heard = []
    for line in running.stdout:
        heard.append(line)
        if part in line:
            return line
    raise AssertionError(f"ended without {part!r}: {''.join(heard)}")


def curl(command: str, port: int) -> str:
    """Run one of the README's requests against another port."""
    told = command.replace(":8000", f":{port}").replace("curl ", "curl -sS ", 1)
    return subprocess.run(told, shell=True, capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout


@needs_curl
def test_one_minute_to_the_first_mail(tmp_path):
    """Both requests of the section work as they stand, and `messages list` shows what became of the mail."""
    register, verify = [line for line in commands() if line.startswith("curl") and "lin@" not in line]
    port = free_port()
    with process([*GATEPOST, "serve"], tmp_path, GATEPOST_PORT=str(port)) as service:
        wait_for(service, "API docs")
        answer = curl(register, port)
        assert (answer.split(" ", 2)[1], answer.splitlines()[-1]) == ("202", '{"status":"check_your_inbox"}')
        wait_for(service, '"template": "verification"')
        mailbox = Mailbox(tmp_path / "var" / "mailbox")
        texts = [message.text or "" for one in mailbox.list(2) if (message := mailbox.read(one.name))]
        token = next(found[1] for text in texts if (found := re.search(r"verify\?token=([\w-]+)", text)))
        assert curl(verify.replace("…", token), port).split(" ", 2)[1] == "200"
        listed = subprocess.run(
            [*GATEPOST, "messages", "list"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
    assert "verification" in listed
    assert "ada@example.com" in listed


@needs_curl
def test_a_slow_mail_server_does_not_make_a_slow_answer(tmp_path):
    """The section's three commands, with other ports and a shorter delay: the two lines are there and tell it."""
    block = section(README, "Against a slow mail server")
    server, service, register = [line for one in fenced(block, "console") for line in one.splitlines()]
    assert server.split()[:3] == [".venv/bin/python", "-m", "gatepost.testing"]
    assert service == "GATEPOST_SMTP_URL=smtp://127.0.0.1:2525 ./run"
    mail_port, port, delay_s = free_port(), free_port(), 3
    options = server.replace("2525", str(mail_port)).replace("--delay-s 5", f"--delay-s {delay_s}").split()[1:]
    environment = {"GATEPOST_PORT": str(port), "GATEPOST_SMTP_URL": f"smtp://127.0.0.1:{mail_port}"}
    with (
        process([sys.executable, *options], tmp_path) as mail,
        process([*GATEPOST, "serve"], tmp_path, **environment) as running,
    ):
        wait_for(mail, "Accepting mail")
        wait_for(running, "API docs")
        began = time.monotonic()
        answer = curl(register, port)
        took_s = time.monotonic() - began
        answered = json.loads(wait_for(running, '"event": "request_answered"'))
        accepted = json.loads(wait_for(running, '"event": "message_accepted"'))
    assert f"x-request-id: {answered['request_id']}" in answer
    assert answered["request_id"] == accepted["request_id"]
    assert accepted["duration_ms"] >= delay_s * 1000
    assert took_s < delay_s


def test_the_log_lines_are_lines_of_the_log():
    """Both lines have the fields of their events, and one request id."""
    first, second = re.findall(r"^\d\d:\d\d.*$", README, re.MULTILINE)
    ids = set()
    for line, kind in ((first, events.RequestAnswered), (second, events.MessageAccepted)):
        shown = dict(re.findall(r"(\w+)=(\S+)", line))
        assert set(shown) <= {field.name for field in fields(kind)}
        ids.add(shown["request_id"])
    assert len(ids) == 1
    assert "request answered" in first
    assert "message accepted" in second


def test_every_other_command_exists():
    """What the tests above do not run is a verb of `run`, or a command of `gatepost` that takes these words."""
    script = (ROOT / "run").read_text()
    verbs = {verb.strip() for line in re.findall(r"^  ([\w|-]+)\) ", script, re.MULTILINE) for verb in line.split("|")}
    for command in commands():
        words = command.split()
        if words[0] in ("curl", ".venv/bin/python") or words[0].startswith("GATEPOST_"):
            continue  # run above
        assert words[0] == "./run", command
        if words[1:] and words[1] not in verbs:
            asked = [*GATEPOST, *words[1:], "--help"]
            subprocess.run(asked, check=True, capture_output=True, timeout=DEADLINE_S)


def alone(monkeypatch, folder: Path) -> None:
    """No setting of whoever runs the tests, and an empty folder to work in."""
    for name in [name for name in os.environ if name.startswith("GATEPOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)


def test_the_router_in_an_app(tmp_path, monkeypatch):
    """The README's app starts, takes a registration and keeps its own route."""
    alone(monkeypatch, tmp_path)
    names: dict[str, object] = {}
    (block,) = fenced(README, "python")
    exec(compile(block, "README.md", "exec"), names)
    with TestClient(names["app"]) as client:  # type: ignore[arg-type]
        body = {"email": "ada@example.com", "password": "a sentence only you would write"}
        assert client.post("/auth/register", json=body).status_code == 202
        assert client.get("/tides").json() == {"Dover": "06:47"}
        assert client.get("/readyz").status_code == 200


def test_the_code_of_the_how_to_runs(tmp_path, monkeypatch):
    """The blocks of "Add Gatepost to your FastAPI app" run one after the other, as a reader would type them."""
    alone(monkeypatch, tmp_path)
    names: dict[str, object] = {"TestClient": TestClient}
    for block in fenced(HOW_TO, "python"):
        exec(compile(block, "add-to-your-app.md", "exec"), names)
    assert (tmp_path / "var" / "gatepost.db").exists()


def test_the_backup_of_the_how_to_is_a_backup(tmp_path):
    """The command copies a database that is being served, its newest rows included."""
    page = (ROOT / "docs" / "how-to" / "run-in-production.md").read_text()
    (command,) = fenced(section(page, "Backup"), "console")
    port = free_port()
    with process([*GATEPOST, "serve"], tmp_path, GATEPOST_PORT=str(port)) as service:
        wait_for(service, "API docs")
        program, *arguments = command.split()
        assert program == "gatepost"
        subprocess.run([*GATEPOST, *arguments], cwd=tmp_path, check=True, timeout=DEADLINE_S)
    (tmp_path / "var" / "gatepost.db").unlink()
    (tmp_path / "gatepost-backup.db").rename(tmp_path / "var" / "gatepost.db")
    restored = subprocess.run(
        [*GATEPOST, "messages", "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (restored.returncode, restored.stderr) == (0, "")
