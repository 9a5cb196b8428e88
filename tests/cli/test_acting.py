"""hold, release, cancel and resend from the command line: through the running service, or alone."""

import json
import os
import re
import socket
import stat
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from gatepost.database.file_lock import FileLock
from gatepost.testing import Hang, Step, SubmissionServer
from tests.cli.service import Done, free_port, gatepost, process, running, until
from tests.support.postgresql import run_apart

UID = f"command line (uid {os.getuid()})"


def nowhere() -> str:
    """The URL of a mail server that cannot be reached, so that messages wait."""
    return f"smtp://127.0.0.1:{free_port()}"


def act(folder: Path, *arguments: str, **settings: object) -> Done:
    """Run one of the four commands."""
    return gatepost(folder, "messages", *arguments, **settings)


def listed(folder: Path, *arguments: str, **settings: object) -> list[dict[str, Any]]:
    """Messages, newest first."""
    shown = json.loads(gatepost(folder, "messages", "list", "--json", *arguments, **settings).stdout)
    rows: list[dict[str, Any]] = shown["messages"]
    return rows


def show(folder: Path, id: str, **settings: object) -> dict[str, Any]:
    """One message with everything about it."""
    shown: dict[str, Any] = json.loads(gatepost(folder, "messages", "show", id, "--json", **settings).stdout)
    return shown


def the_welcome(folder: Path, **settings: object) -> str:
    """The id of the only welcome."""
    (one,) = listed(folder, "--template", "welcome", **settings)
    id: str = one["id"]
    return id


def hold(folder: Path, id: str, *arguments: str, **settings: object) -> str:
    """Hold a message for which no server can be reached, and say what was printed; while it is tried, wait."""
    done = act(folder, "hold", id, *arguments, **settings)
    while "being handed over" in done.stderr:
        done = act(folder, "hold", id, *arguments, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def do_all_four(folder: Path, id: str, **settings: object) -> None:
    """Hold, release, cancel, resend: each says what it did, and it stands in the message."""
    assert re.fullmatch(rf"{id}: \w+ → held\n", hold(folder, id, "--reason", "to see", **settings))
    assert act(folder, "release", id, "--reason", "to see", **settings).stdout == f"{id}: held → queued\n"
    hold(folder, id, **settings)  # or a worker may have it when it is cancelled
    assert act(folder, "cancel", id, **settings).stdout == f"{id}: held → cancelled\n"
    done = act(folder, "resend", id, **settings)
    new = done.stdout.removeprefix(f"{id} is sent again as ").strip()
    assert (done.returncode, show(folder, new, **settings)["message"]["resent_from"]) == (0, id)
    shown = show(folder, id, **settings)
    assert [(deed["action"], deed["actor"], deed["reason"], deed["result"]) for deed in shown["actions"]] == [
        ("hold", UID, "to see", None),
        ("release", UID, "to see", None),
        ("hold", UID, None, None),
        ("cancel", UID, None, None),
        ("resend", UID, None, new),
    ]
    assert shown["resent_as"] == [new]


def test_beside_a_running_service_the_service_does_it(tmp_path: Path) -> None:
    """SQLite: over the socket, which only its user may use; the service's log tells of it, and its stop removes it."""
    with running(tmp_path, SMTP_URL=nowhere()) as service:
        service.ready()
        assert service.register("ann@example.com") == 202
        path = tmp_path / "var/gatepost.db.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        id = the_welcome(tmp_path)
        do_all_four(tmp_path, id)
        service.stop()
        assert service.wait() == 0
        assert not path.exists()
        told = [event for event in service.events() if event["event"] == "operator_acted"]
    assert [event["action"] for event in told] == ["hold", "release", "hold", "cancel", "resend"]


def test_a_released_and_a_resent_message_go_out_at_once(tmp_path: Path) -> None:
    """The command wakes the service's worker; nobody waits for its poll."""
    with SubmissionServer.in_thread() as server, running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}") as one:
        one.ready()
        assert one.register("ann@example.com") == 202
        until(lambda: len(server.messages) == 2)
        id = the_welcome(tmp_path)
        until(lambda: show(tmp_path, id)["message"]["state"] == "accepted")
        assert act(tmp_path, "resend", id).returncode == 0
        until(lambda: len(server.messages) == 3)


def test_without_a_service_the_command_owns_the_file_for_the_moment(tmp_path: Path) -> None:
    """SQLite: the same words and rows; the file is free afterwards, and no socket is left."""
    with running(tmp_path, SMTP_URL=nowhere()) as service:
        service.ready()
        assert service.register("ann@example.com") == 202
        service.stop()
        assert service.wait() == 0
    do_all_four(tmp_path, the_welcome(tmp_path))
    assert not (tmp_path / "var/gatepost.db.sock").exists()
    assert gatepost(tmp_path, "migrate").returncode == 0


def test_on_postgresql_the_command_writes_by_itself(tmp_path: Path, postgresql_url: str) -> None:
    """Beside any number of services; no socket and no file is made."""
    settings = {"DATABASE_URL": postgresql_url, "SMTP_URL": nowhere()}
    with running(tmp_path, "--no-worker", **settings) as service:
        service.ready()
        assert service.register("ann@example.com") == 202
        do_all_four(tmp_path, the_welcome(tmp_path, **settings), **settings)
    assert list(tmp_path.glob("**/*.sock")) == []


def test_a_socket_left_by_a_dead_service_is_in_nobodys_way(tmp_path: Path) -> None:
    """After kill -9 the command works without it; what was in flight waits for a start, which makes its own socket."""
    with SubmissionServer.in_thread() as server:
        server.at(Step.EHLO, Hang())
        with running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}", WORKER_SLOTS=1) as service:
            service.ready()
            assert service.register("ann@example.com") == 202
            until(lambda: "sending" in [row["state"] for row in listed(tmp_path)])
            service.kill()
    path = tmp_path / "var/gatepost.db.sock"
    assert path.is_socket()
    by_state = {row["state"]: row["id"] for row in listed(tmp_path)}
    assert act(tmp_path, "hold", by_state["queued"]).stdout == f"{by_state['queued']}: queued → held\n"
    in_flight = act(tmp_path, "hold", by_state["sending"])
    assert (in_flight.returncode, in_flight.stdout) == (1, "")
    assert "Start the service: it settles that first" in in_flight.stderr
    with running(tmp_path, SMTP_URL=nowhere()) as service:
        service.ready()
        assert hold(tmp_path, by_state["sending"]).endswith(" → held\n")
        until(lambda: "operator_acted" in [event["event"] for event in service.events()])


def test_a_path_too_long_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    """The address of a socket has 107 bytes; a folder may lie deeper than that."""
    folder = tmp_path / ("deep" * 20) / ("down" * 20)
    folder.mkdir(parents=True)
    with running(folder, SMTP_URL=nowhere()) as service:
        service.ready()
        assert service.register("ann@example.com") == 202
        assert hold(folder, the_welcome(folder)).endswith(" → held\n")
        until(lambda: "operator_acted" in [event["event"] for event in service.events()])


def test_what_cannot_be_done_is_told_in_one_sentence(tmp_path: Path) -> None:
    """1: not there, or it does not fit, with the way out; 2: a reason that cannot be kept. Never a traceback."""
    with SubmissionServer.in_thread() as server, running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}") as one:
        one.ready()
        assert one.register("ann@example.com") == 202
        id = the_welcome(tmp_path)
        until(lambda: show(tmp_path, id)["message"]["state"] == "accepted")
        told = {
            (action, target): act(tmp_path, action, target)
            for action, target in (("cancel", id), ("release", id), ("hold", str(uuid.UUID(int=7))))
        }
        long = act(tmp_path, "resend", id, "--reason", "x" * 501)
        nul = act(tmp_path, "resend", id, "--reason", "half \udc80")
        assert show(tmp_path, id)["actions"] == []
    assert [done.returncode for done in told.values()] == [1, 1, 1]
    cancelled, released, missing = told.values()
    assert "it cannot be called back" in cancelled.stderr
    assert "resend it" in released.stderr
    assert "there is no message with the id" in missing.stderr
    assert [(done.returncode, done.stdout) for done in (long, nul)] == [(2, "")] * 2
    assert "reason: Use at most 500 characters." in long.stderr
    assert "Traceback" not in "".join(done.stderr for done in (*told.values(), long, nul))


def test_a_message_in_flight_is_left_to_its_worker(tmp_path: Path) -> None:
    """While a server is slow to answer: the command says so, and what to do."""
    with SubmissionServer.in_thread() as server:
        server.at(Step.RCPT, Hang())
        with running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}", SHUTDOWN_GRACE_S=0) as service:
            service.ready()
            assert service.register("ann@example.com") == 202
            id = the_welcome(tmp_path)
            until(lambda: show(tmp_path, id)["message"]["state"] in ("sending", "committing"))
            refused = act(tmp_path, "cancel", id)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "It is being handed over to a server at this moment. Look again in a few seconds" in refused.stderr


def test_an_owner_that_does_not_listen_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that owns the file and has no socket: it is waited for a moment, then told, with another way."""
    with running(tmp_path, SMTP_URL=nowhere()) as service:
        service.ready()
        assert service.register("ann@example.com") == 202
        service.stop()
        assert service.wait() == 0
    id = the_welcome(tmp_path)
    monkeypatch.setattr("gatepost.cli.operating.OWNER_WAIT_S", 0.2)
    lock = run_apart(FileLock.take((tmp_path / "var/gatepost.db").resolve(), wait_for_owner_s=0))
    refused = act(tmp_path, "hold", id)
    lock.release()
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"is in use by process {os.getpid()}" in refused.stderr
    assert f"POST /mail/messages/{id}/hold does the same" in refused.stderr


def test_a_service_that_ends_before_it_answers_leaves_the_outcome_open(tmp_path: Path) -> None:
    """Nobody knows whether it was done: 1, and how to look."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    database = (tmp_path / "var/gatepost.db").resolve()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(database) + ".sock")
        listener.listen()

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        done = act(tmp_path, "hold", str(uuid.UUID(int=7)))
        thread.join()
    assert (done.returncode, done.stdout) == (1, "")
    assert "it may be done or not: look with `gatepost messages show" in done.stderr


def test_a_missing_database_is_refused_and_not_made(tmp_path: Path) -> None:
    """A command about a message of a database that is not there is a mistake in the settings."""
    refused = act(tmp_path, "hold", str(uuid.UUID(int=7)))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no database" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_program_itself_ends_cleanly(tmp_path: Path) -> None:
    """As a process of its own, as people run it: exit code, output, and nothing else on standard error."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    done = process(tmp_path, "messages", "cancel", str(uuid.UUID(int=7)))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
