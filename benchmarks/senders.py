"""Everybody who sends in `smtp`: by name, a call that sends once and says what it took."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.drain import CONNECTIONS, ONE_MESSAGE_EACH, TIMEOUT_S, Sending, drain
from benchmarks.load import registrations, saturate
from benchmarks.padded import composer
from benchmarks.places import Place, gatepost
from benchmarks.processes import ROOT, EventLog, Process, instant_s, peer
from gatepost.settings import Settings
from gatepost.transport.wire import on_the_wire

LIMIT, IN_TURN = "limit: pre-composed bytes, pipelined", "pre-composed bytes, waiting for each 354"
OUTBOX, REAL = "Gatepost: waiting messages", "Gatepost: waiting messages, the real mail"
OVER = "Gatepost over aiosmtplib: waiting messages"
REQUESTED, BACKGROUND = "Gatepost: from request to status", "fastapi-mail in BackgroundTasks"
EACH, LISTS = "fastapi-mail, a connection each", "fastapi-mail, lists over kept connections"
POST_OFFICE, MAILER = "django-post_office", "django-mailer"
CLIENT, POOL = "Gatepost's client alone", "aiosmtplib alone, kept connections"
KEPT, NEW = "smtplib alone, kept connections", "smtplib alone, a connection each"
AWAY = ", far away"
APPS = {POST_OFFICE: "post_office", MAILER: "mailer"}

Senders = Mapping[str, Callable[[], Sending]]


def near(place: Place, port: int, *, many: int, few: int) -> Senders:
    """Into the sink on this machine, `few` messages of those who are slow. Queues are full already."""
    content = message(padded=True)
    raw = on_the_wire(content)
    return {
        LIMIT: lambda: _program("limit", "pipelined", port, 10 * many, stdin=raw),
        IN_TURN: lambda: _program("limit", "in_turn", port, 10 * many, stdin=raw),
        OUTBOX: lambda: drain(place, port, many),
        OVER: lambda: drain(place, port, many, client="aiosmtplib"),
        REAL: lambda: drain(place, port, many, padded=False),
        EACH: lambda: _program("peers.fastapi_mail_alone", "each", port, few),
        LISTS: lambda: _program("peers.fastapi_mail_alone", "lists", port, few),
        POST_OFFICE: lambda: _django(place, POST_OFFICE, port, few),
        MAILER: lambda: _django(place, MAILER, port, few),
        CLIENT: lambda: _program("clients", "gatepost", port, many, stdin=content),
        POOL: lambda: _program("clients", "aiosmtplib", port, many, stdin=content),
        KEPT: lambda: _program("clients", "smtplib_kept", port, many, stdin=content),
        NEW: lambda: _program("clients", "smtplib_new", port, few, stdin=content),
        REQUESTED: lambda: _requested(place, port, few),
        BACKGROUND: lambda: _in_background(place, port, few),
    }


def far(place: Place, port: int, *, count: int) -> Senders:
    """Over the line with the long round trip: half of `count` by clients alone, less where it takes longest."""
    client = partial(_program, "clients", stdin=message(padded=True))
    return {
        OUTBOX + AWAY: lambda: drain(place, port, count),
        OVER + AWAY: lambda: drain(place, port, count, client="aiosmtplib"),
        CLIENT + AWAY: lambda: client("gatepost", port, count // 2),
        POOL + AWAY: lambda: client("aiosmtplib", port, count // 2),
        NEW + AWAY: lambda: client("smtplib_new", port, count // 6),
    }


def message(*, padded: bool) -> bytes:
    """The verification mail, composed."""
    settings = Settings.load({"GATEPOST_SENDER": "Gatepost <no-reply@gatepost.example>"}, Path("/nonexistent.toml"))
    composed = composer(settings, padded=padded).compose(
        template="verification",
        locale="en",
        recipient="ada@example.com",
        message_id="<0123456789abcdef0123456789abcdef@gatepost.example>",
        values={
            "name": "Ada",
            "link": "http://127.0.0.1:8000/verify?token=" + "a" * 64,
            "when": "2026-05-03 14:02 UTC",
        },
        now_ms=int(time.time() * 1000),
    )
    return composed.content


def fill_queues(place: Place, few: int) -> None:
    """Give the two Django packages their waiting messages, each in a database of its own."""
    for app in APPS.values():
        (place.folder / app).mkdir()
        _run("peers.django_mail", app, "fill", place.folder / app, few)


def round_trip_ms(port: int, times: int = 10) -> float:
    """What a command and its reply take, on average, over a connection that is open."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as line, line.makefile("rb") as replies:
        replies.readline()
        began = time.perf_counter()
        for _ in range(times):
            line.sendall(b"NOOP\r\n")
            replies.readline()
        return (time.perf_counter() - began) * 1000 / times


def _program(module: str, how: str, port: int, count: int, *, stdin: bytes = b"") -> Sending:
    return _sending(count, _run(module, how, port, count, CONNECTIONS, stdin=stdin))


def _django(place: Place, name: str, port: int, count: int) -> Sending:
    app = APPS[name]
    folder = Path(shutil.copytree(place.folder / app, place.folder / f"{app}-copy"))
    try:
        return _sending(count, _run("peers.django_mail", app, "send", folder, count, port, CONNECTIONS))
    finally:
        shutil.rmtree(folder)


def _run(module: str, *arguments: object, stdin: bytes = b"") -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, input=stdin, check=False, capture_output=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()[-2000:]}")
    return done.stdout.decode()


def _sending(count: int, printed: str) -> Sending:
    took = json.loads(printed.splitlines()[-1])
    return Sending.of(took.get("count", count), took["seconds"], took["cpu_s"])


def _requested(place: Place, port: int, total: int) -> Sending:
    with gatepost(place, port, ONE_MESSAGE_EACH, padded=True, name="requested") as service:
        log = EventLog(service.log_path)
        saturate(service.port, registrations("warm"), total=50, connections=8).must_all_be(202)
        log.wait_for_accepted(50, TIMEOUT_S)
        log.skip()
        cpu_s = service.cpu_s() + place.database_cpu_s()
        load = saturate(service.port, registrations("asked"), total=total, connections=32).must_all_be(202)
        accepted = log.wait_for_accepted(total, TIMEOUT_S)
        cpu_s = service.cpu_s() + place.database_cpu_s() - cpu_s
    place.drop("requested")
    return Sending.of(total, instant_s(accepted[-1]) - load.began_at_s, cpu_s)


def _in_background(place: Place, port: int, total: int) -> Sending:
    with peer("fastapi_mail", place.folder, port, "padded") as app:
        saturate(app.port, registrations("warm"), total=50, connections=8).must_all_be(202)
        wait_for_sent(app, 50)
        cpu_s = app.cpu_s()
        load = saturate(app.port, registrations("asked"), total=total, connections=32).must_all_be(202)
        last_at_s = float(wait_for_sent(app, total + 50)["last_at_s"])
        return Sending.of(total, last_at_s - load.began_at_s, app.cpu_s() - cpu_s)


def wait_for_sent(app: Process, count: int) -> dict[str, Any]:
    """Wait until fastapi-mail sent `count` mails, and return what its application knows.

    Raises:
        RuntimeError: it took too long, or some were lost.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{app.port}/sent", timeout=TIMEOUT_S) as answer:
            known: dict[str, Any] = json.load(answer)
        if known["sent"] >= count:
            return known
        if known["sent"] + known["failed"] >= count or time.monotonic() > deadline:
            raise RuntimeError(f"fastapi-mail: {known['sent']} sent, {known['failed']} failed of {count}")
        time.sleep(0.1)
