"""`gatepost worker` and `gatepost serve --no-worker` as processes."""

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gatepost.testing import Hang, Step, SubmissionServer
from tests.cli.service import free_port, gatepost, process, running, until, working

GRACE_S = 2.0


def outbox(folder: Path, **settings: object) -> list[dict[str, Any]]:
    """Every message, newest first."""
    rows: list[dict[str, Any]] = json.loads(gatepost(folder, "messages", "list", "--json", **settings).stdout)[
        "messages"
    ]
    return rows


def promise(folder: Path, **settings: object) -> None:
    """Run a service for one registration; its mail server cannot be reached, so the two messages wait."""
    with running(folder, SMTP_URL=f"smtp://127.0.0.1:{free_port()}", **settings) as service:
        service.ready()
        assert service.register("bob@example.com") == 202
        service.stop()
        assert service.wait() == 0


# SQLite: one process


def test_on_sqlite_a_worker_sends_what_a_stopped_service_promised(tmp_path: Path) -> None:
    """It owns the file now, says in one line what it does, and sends both messages."""
    promise(tmp_path)
    with (
        SubmissionServer.in_thread() as server,
        working(tmp_path, "--slots", "3", SMTP_URL=f"smtp://127.0.0.1:{server.port}") as worker,
    ):
        line = worker.first_line()
        assert line.endswith("sends the mail of sqlite:///var/gatepost.db, up to 3 messages at a time")
        until(lambda: len(server.messages) == 2)
        until(lambda: {row["state"] for row in outbox(tmp_path)} == {"accepted"})


def test_on_sqlite_a_worker_beside_a_service_is_refused_at_once(tmp_path: Path) -> None:
    """The sentence says who sends the mail and what allows workers; nobody waits for a service to stop."""
    with running(tmp_path, SHUTDOWN_GRACE_S=60) as service:
        service.ready()
        began = time.monotonic()
        refused = process(tmp_path, "worker", SHUTDOWN_GRACE_S=60)
        assert time.monotonic() - began < 30
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"is in use by process {service.process.pid}" in refused.stderr
    assert "sends the mail by itself; workers beside it need PostgreSQL" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_on_sqlite_a_service_without_a_worker_is_refused(tmp_path: Path) -> None:
    """Nobody else could send: a sentence with the way out, and nothing was made."""
    refused = process(tmp_path, "serve", "--no-worker", PORT=free_port())
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "leave out --no-worker" in refused.stderr
    assert "postgresql://" in refused.stderr
    assert list(tmp_path.iterdir()) == []


# PostgreSQL: as many as are wanted


def test_on_postgresql_a_worker_sends_what_a_service_without_one_promised(tmp_path: Path, postgresql_url: str) -> None:
    """The service is ready, answers, and touches no message; the worker beside it sends them."""
    settings = {"DATABASE_URL": postgresql_url, "SMTP_URL": ""}
    with SubmissionServer.in_thread() as server:
        settings["SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        with running(tmp_path, "--no-worker", **settings) as service:
            service.ready()
            assert service.register("bob@example.com") == 202
            assert service.answer("/readyz") == (200, '{"status":"ready"}')
            assert {row["attempts"] for row in outbox(tmp_path, **settings)} == {0}
            with working(tmp_path, **settings) as worker:
                assert "sends the mail of postgresql://***@127.0.0.1" in worker.first_line()
                until(lambda: len(server.messages) == 2)
                assert service.register("ann@example.com") == 202
                until(lambda: len(server.messages) == 4)
                until(lambda: {row["state"] for row in outbox(tmp_path, **settings)} == {"accepted"})
                worker.stop()
                assert worker.wait() == 0
            service.stop()
            assert service.wait() == 0
        assert [event["event"] for event in service.events() if event["event"] == "message_accepted"] == []


def test_on_postgresql_workers_share_the_mail(tmp_path: Path, postgresql_url: str) -> None:
    """Two workers and a service that sends as well: each message goes out once."""
    settings = {"DATABASE_URL": postgresql_url, "WORKER_SLOTS": "2"}
    with SubmissionServer.in_thread() as server:
        settings["SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        with (
            running(tmp_path, **settings) as service,
            working(tmp_path, **settings) as one,
            working(tmp_path, **settings) as other,
        ):
            service.ready()
            for worker in (one, other):
                worker.first_line()
            for number in range(10):
                assert service.register(f"p{number}@example.com") == 202
            until(lambda: {row["state"] for row in outbox(tmp_path, **settings)} == {"accepted"})
            for process_ in (one, other, service):
                process_.stop()
                assert process_.wait() == 0
        sent = [message.message_id for message in server.messages]
    assert (len(sent), len(set(sent))) == (20, 20)


def test_on_postgresql_development_keeps_keys_and_mail_in_var(tmp_path: Path, postgresql_url: str) -> None:
    """Processes started in one folder make and read the same links, and write to one mailbox."""
    with running(tmp_path, "--no-worker", DATABASE_URL=postgresql_url) as service:
        service.ready()
        assert service.register("bob@example.com") == 202
        with working(tmp_path, DATABASE_URL=postgresql_url) as worker:
            worker.first_line()
            until(lambda: len(list((tmp_path / "var/mailbox").glob("*.eml"))) == 2)
        texts = [file.read_text() for file in (tmp_path / "var/mailbox").glob("*.eml")]
        (token,) = re.findall(r"/verify\?token=3D([\w-]+)", "".join(texts).replace("=\n", ""))[:1]
        assert service.answer("/auth/verify", "POST", {"token": token})[0] == 200


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_with_code_0(tmp_path: Path, number: int) -> None:
    """The signal is not passed on, and the log ends with the end."""
    with working(tmp_path) as worker:
        worker.first_line()
        worker.stop(number)
        assert worker.wait() == 0
        assert worker.events()[-1]["event"] == "service_stopped"


def test_a_worker_stops_within_its_grace_and_leaves_nothing_in_flight(tmp_path: Path) -> None:
    """With a hung mail server: it waits for its grace, gives back what it holds, and ends with 0."""
    promise(tmp_path)
    with SubmissionServer.in_thread() as server:
        server.at(Step.DATA, Hang())
        url = f"smtp://127.0.0.1:{server.port}"
        with working(tmp_path, SMTP_URL=url, SHUTDOWN_GRACE_S=GRACE_S) as worker:
            until(lambda: bool(server.mail_commands))
            began = time.monotonic()
            worker.stop()
            assert worker.wait() == 0
            assert GRACE_S - 0.1 < time.monotonic() - began < GRACE_S + 2
    assert {row["state"] for row in outbox(tmp_path)} <= {"queued", "deferred"}


def test_a_second_signal_hurries_a_worker(tmp_path: Path) -> None:
    """Whoever presses Ctrl+C again means now; nothing is left in flight all the same."""
    promise(tmp_path)
    with SubmissionServer.in_thread() as server:
        server.at(Step.DATA, Hang())
        with working(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}", SHUTDOWN_GRACE_S=60) as worker:
            until(lambda: bool(server.mail_commands))
            began = time.monotonic()
            worker.stop()
            until(lambda: worker.events()[-1]["event"] == "service_stopping")
            worker.stop()
            assert worker.wait() == 0
            assert time.monotonic() - began < 20
    assert {row["state"] for row in outbox(tmp_path)} <= {"queued", "deferred"}
