"""`gatepost serve` as a process: what it prints, what stops it, and what it refuses to start with."""

import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from gatepost.cli.listening import take_port
from gatepost.errors import StartRefused
from gatepost.testing import Hang, Step, SubmissionServer
from tests.cli.service import GATEPOST, answer, environment, free_port, gatepost, process, running, until

GRACE_S = 2.0
WITHIN_S = GRACE_S + 2


PAGES = ("/register", "/dev/mailbox", "/dev/templates", "/docs")


def test_in_development_it_prints_its_pages(tmp_path: Path) -> None:
    """Once the port listens: sign-up page, mailbox, templates, API docs, and each of them answers."""
    with running(tmp_path) as service:
        lines = service.ready()
        base = f"http://127.0.0.1:{service.port}"
        assert lines == [
            f"Sign-up page    {base}/register",
            f"Mailbox page    {base}/dev/mailbox",
            f"Mail templates  {base}/dev/templates",
            f"API docs        {base}/docs",
        ]
        assert [service.answer(path)[0] for path in PAGES] == [200] * 4
        service.stop()
        assert service.wait() == 0


def test_with_a_server_of_its_own_it_prints_no_mailbox_page(tmp_path: Path) -> None:
    """The development mailbox is there only without SMTP_URL."""
    with running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{free_port()}") as service:
        assert [line.split("  ")[0] for line in service.ready()] == ["Sign-up page", "Mail templates", "API docs"]


def test_in_production_it_prints_one_line(tmp_path: Path) -> None:
    """One line with the address it listens on and the one people use."""
    with running(
        tmp_path,
        ENVIRONMENT="production",
        PUBLIC_URL="http://localhost:1234",
        SMTP_URL="smtp://127.0.0.1:2525",
        SENDER="a@acme.example",
        SECRET_KEYS="0123456789abcdefghijklmnopqrstuv",
        ARGON2_MEMORY_KIB=19456,
        ARGON2_TIME_COST=2,
    ) as service:
        (line,) = service.ready()
        assert line.endswith(f"listens on http://127.0.0.1:{service.port} for http://localhost:1234")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0(tmp_path: Path, number: int) -> None:
    """Idle connections and open streams do not hold it up, and the signal is not passed on."""
    with running(tmp_path) as service:
        service.ready()
        idle = http.client.HTTPConnection("127.0.0.1", service.port)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        stream = socket.create_connection(("127.0.0.1", service.port))
        stream.sendall(b"GET /dev/mailbox/changes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert stream.recv(1000).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        service.stop(number)
        assert service.wait() == 0
        assert time.monotonic() - began < 2
        idle.close()
        stream.close()
        assert service.events()[-1]["event"] == "service_stopped"


def test_while_it_stops_it_answers_and_says_not_ready(tmp_path: Path) -> None:
    """With a hung mail server: /readyz 503 at once, all else served, then exit 0 within the grace and 2 seconds."""
    with (
        SubmissionServer.in_thread() as server,
        running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}", SHUTDOWN_GRACE_S=GRACE_S) as service,
    ):
        server.at(Step.DATA, Hang())
        service.ready()
        assert service.register("bob@example.com") == 202
        until(lambda: bool(server.mail_commands))
        began = time.monotonic()
        service.stop()
        until(lambda: service.answer("/readyz")[0] != 200)
        assert service.answer("/readyz")[0] == 503
        assert service.answer("/healthz")[0] == 200
        assert service.register("ann@example.com") == 202
        while time.monotonic() - began < GRACE_S * 0.7:
            assert service.answer("/healthz")[0] == 200  # the port stays open while the worker has its grace
        assert service.wait() == 0
        took_s = time.monotonic() - began
        assert GRACE_S - 0.1 < took_s < WITHIN_S
    states = gatepost(tmp_path, "messages", "list", "--json").stdout
    assert '"sending"' not in states
    assert '"committing"' not in states
    assert states.count('"queued"') == 4


def test_a_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    """Whoever presses Ctrl+C again means now; nothing is left in flight all the same."""
    with (
        SubmissionServer.in_thread() as server,
        running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}", SHUTDOWN_GRACE_S=60) as service,
    ):
        server.at(Step.DATA, Hang())
        service.ready()
        service.register("bob@example.com")
        until(lambda: bool(server.mail_commands))
        began = time.monotonic()
        service.stop(signal.SIGINT)
        until(lambda: service.answer("/readyz")[0] == 503)
        service.stop(signal.SIGINT)
        assert service.wait() == 0
        assert time.monotonic() - began < 3
    assert '"sending"' not in gatepost(tmp_path, "messages", "list", "--json").stdout


def test_a_slow_answer_is_finished_before_the_end(tmp_path: Path) -> None:
    """A request whose body is still on its way when the signal comes gets its answer."""
    body = b'{"email":"bob@example.com","password":"correct horse battery"}'
    head = (
        b"POST /auth/register HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    with running(tmp_path) as service:
        service.ready()
        slow = socket.create_connection(("127.0.0.1", service.port))
        slow.sendall(head % len(body) + body[:10])
        service.stop()
        until(lambda: service.answer("/readyz")[0] == 0)  # the port is closed
        slow.sendall(body[10:])
        assert slow.recv(1000).startswith(b"HTTP/1.1 202")
        slow.close()
        assert service.wait() == 0
    assert "bob@example.com" in gatepost(tmp_path, "messages", "list").stdout


def test_a_signal_during_the_start_ends_it_at_once(tmp_path: Path) -> None:
    """A process that waits for the former owner of the database can be stopped."""
    with running(tmp_path) as owner:
        owner.ready()
        with running(tmp_path) as waiting:
            until(lambda: "waiting up to" in waiting.errors.read_text())
            began = time.monotonic()
            waiting.stop()
            assert waiting.wait() == 0
            assert time.monotonic() - began < 2
        assert owner.answer("/readyz")[0] == 200


def test_a_second_service_waits_out_the_grace_and_refuses(tmp_path: Path) -> None:
    """One sentence, exit code 2, no traceback."""
    with running(tmp_path) as owner:
        owner.ready()
        began = time.monotonic()
        second = process(tmp_path, "serve", PORT=free_port(), SHUTDOWN_GRACE_S=0)
        assert second.returncode == 2
        assert time.monotonic() - began > 2
        assert "is in use by process" in second.stderr.splitlines()[-1]
        assert "Traceback" not in second.stderr
        assert second.stdout == ""


def test_a_taken_port_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    """The sentence names port and setting, and no file was made."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = process(tmp_path, "serve", "--port", str(port))
    assert refused.returncode == 2
    assert refused.stderr == (
        f"gatepost: port {port} on 127.0.0.1 is taken by another program; stop it or set GATEPOST_PORT\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", "is not this machine's; set GATEPOST_HOST"),
        ("no-such-host.invalid", "is not known; set GATEPOST_HOST"),
    ],
)
def test_a_foreign_address_is_refused(host: str, expected: str) -> None:
    """The sentence says what to set."""
    with pytest.raises(StartRefused, match=expected):
        take_port(host, free_port())


def test_an_ipv6_address_can_be_listened_on() -> None:
    """HOST may be ::1."""
    with take_port("::1", free_port()) as listener:
        assert listener.family is socket.AF_INET6


def test_settings_are_all_told_without_a_traceback(tmp_path: Path) -> None:
    """Every problem is a line, no secret is in one, and the exit code is 2."""
    refused = process(
        tmp_path, "serve", PORT="x", SMTP_URL="smtp://u:[hunter2@mail.example", ENVIRONMENT="production", WELCOM="off"
    )
    assert refused.returncode == 2
    lines = refused.stderr.splitlines()
    assert sorted(line.split()[1] for line in lines) == [
        "GATEPOST_PORT",
        "GATEPOST_SECRET_KEYS",
        "GATEPOST_SENDER",
        "GATEPOST_SMTP_URL",
        "GATEPOST_WELCOM",
    ]
    assert "hunter2" not in refused.stderr
    assert refused.stdout == ""


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The sentence names the place and the way out."""
    (tmp_path / "var").touch()
    refused = process(tmp_path, "serve", PORT=free_port())
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert str(tmp_path / "var") in refused.stderr or "var/secret.key" in refused.stderr


def test_broken_outputs_stop_nothing(tmp_path: Path) -> None:
    """Nobody reads standard output or standard error: it serves, and ends with code 0."""
    reading, writing = os.pipe()
    os.close(reading)
    port = free_port()
    process = subprocess.Popen(
        [*GATEPOST, "serve"], cwd=tmp_path, env=environment(PORT=port), stdout=writing, stderr=writing
    )
    os.close(writing)
    try:
        until(lambda: answer(port, "/readyz")[0] == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
