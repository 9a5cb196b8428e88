"""Log lines: their form, what they never hold, and that a broken stream disturbs nobody."""

import contextlib
import io
import json
import logging
import os
import pty
import subprocess
import sys
import time
from dataclasses import fields
from typing import Any

import pytest

from gatepost import events
from gatepost.events import (
    AddressVerified,
    Event,
    Events,
    MessageAccepted,
    MessageDeferred,
    RegistrationReceived,
    RequestFailed,
    SettingWarned,
    WorkerStarted,
)
from gatepost.observe.log import LEVELS, LibraryRecords, Log, event_name, level_of
from gatepost.observe.sink import MAX_WAITING_LINES


class FixedClock:
    """A clock that stands still."""

    def now_ms(self) -> int:
        return 1_790_000_000_123

    def monotonic(self) -> float:
        return 0.0


def logged(*happened: Event, **options: Any) -> str:
    stream = io.StringIO()
    log = Log(stream, clock=FixedClock(), **options)
    for event in happened:
        log.on_event(event)
    assert log.flush()
    return stream.getvalue()


def accepted(**changes: Any) -> MessageAccepted:
    details: dict[str, Any] = {
        "message": "m1",
        "template": "verification",
        "recipient": "a***@example.com",
        "claim_number": 1,
        "attempt": 1,
        "request_id": "r1",
        "outcome": "accepted",
        "reply_code": 250,
        "reply_text": "2.0.0 Ok: queued",
        "duration_ms": 12.34567,
        "since_enqueued_ms": 20,
    }
    return MessageAccepted(**(details | changes))


def test_an_event_is_one_json_line() -> None:
    """Event, time and level first, then the event's fields in their order, without those that are None."""
    line = logged(accepted())
    assert line.endswith("\n")
    assert list(json.loads(line).items()) == [
        ("event", "message_accepted"),
        ("time", "2026-09-21T14:13:20.123Z"),
        ("level", "info"),
        ("message", "m1"),
        ("template", "verification"),
        ("recipient", "a***@example.com"),
        ("claim_number", 1),
        ("attempt", 1),
        ("request_id", "r1"),
        ("outcome", "accepted"),
        ("reply_code", 250),
        ("reply_text", "2.0.0 Ok: queued"),
        ("duration_ms", 12.346),
        ("since_enqueued_ms", 20),
    ]


def test_two_lines_join_by_the_request_id() -> None:
    """The registration and the acceptance of its message carry the same request id."""
    registered = RegistrationReceived(
        request_id="r1", outcome="created", account_id="a1", recipient="a***@example.com", messages=("m1", "m2")
    )
    first, second = map(json.loads, logged(registered, accepted()).splitlines())
    assert first["request_id"] == second["request_id"]
    assert first["messages"] == ["m1", "m2"]


@pytest.mark.parametrize("evil", ["a\nb", "a\r\nb", "a\x1b[31mb", "a\x7fb", "a\x85b", "a\u2028b", "a\u202eb", "a\x00b"])
def test_control_characters_cannot_make_a_line(evil: str) -> None:
    """What a server or a person sends cannot forge a line or reach the terminal, in either form."""
    for pretty in (False, True):
        line = logged(accepted(reply_text=evil), pretty=pretty)
        assert line.count("\n") == 1
        assert line.rstrip("\n").isprintable()
    assert json.loads(logged(accepted(reply_text=evil)))["reply_text"] == evil


def test_lone_surrogates_are_written() -> None:
    """Text that is no valid Unicode does not break the log."""
    assert json.loads(logged(accepted(reply_text="\ud800")))["reply_text"] == "\ud800"
    assert "\\ud800" in logged(accepted(reply_text="\ud800"), pretty=True)


def test_addresses_and_secrets_in_foreign_text_are_masked() -> None:
    """Servers repeat addresses in their replies; the log does not."""
    text = "550 <bob@example.com> unknown, see https://x.example/?token=abcdef"
    line = logged(accepted(reply_text=text))
    assert json.loads(line)["reply_text"] == "550 <b***@example.com> unknown, see https://x.example/?token=***"


def test_a_terminal_gets_readable_lines() -> None:
    """Time, level, event and the fields as words; texts with spaces in quotation marks."""
    line = logged(
        SettingWarned(detail='the "port" is odd'), AddressVerified(request_id="r1", account_id="a1"), pretty=True
    )
    assert line.splitlines() == [
        "14:13:20.123 WARNING setting warned         detail=\"the 'port' is odd\"",
        "14:13:20.123 INFO    address verified       request_id=r1 account_id=a1",
    ]
    assert "\x1b[33mWARNING" in logged(SettingWarned(detail="x"), pretty=True, colour=True)


def test_a_traceback_is_readable_on_a_terminal() -> None:
    """Its lines follow indented, so that none of them looks like an event."""
    failed = RequestFailed(request_id="r1", error="boom", traceback='Traceback:\n  File "x"\nValueError: a\x1bb')
    line = logged(failed, pretty=True)
    assert line.splitlines()[1:] == ["    | Traceback:", '    |   File "x"', "    | ValueError: a\\u001bb"]
    assert json.loads(logged(failed))["traceback"].count("\n") == 2


def test_a_stream_that_is_a_terminal_is_written_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretty and coloured by itself on a terminal, without colours under NO_COLOR."""
    for no_colour, expected in (("", b"\x1b[33m"), ("1", b"WARNING setting warned")):
        monkeypatch.setenv("NO_COLOR", no_colour)
        leader, follower = pty.openpty()
        with os.fdopen(follower, "w") as stream:
            log = Log(stream, clock=FixedClock())
            log.on_event(SettingWarned(detail="x"))
            assert log.flush()
            assert expected in os.read(leader, 1000)
        os.close(leader)


def test_every_event_has_a_level() -> None:
    """Each class has a level of its own or its parent's, and only known levels are used."""
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    assert {level_of(kind) for kind in kinds} == {"debug", "info", "warning", "error"}
    assert set(LEVELS) <= set(kinds)


def test_quiet_events_are_left_out() -> None:
    """Only what is loud enough is written."""
    started = WorkerStarted(owner="o", slots=16)
    assert logged(started) == ""
    assert json.loads(logged(started, level="debug"))["level"] == "debug"


def test_an_event_is_named_by_its_class() -> None:
    """MessageAccepted is message_accepted."""
    assert event_name(MessageAccepted) == "message_accepted"
    assert event_name(MessageDeferred) == "message_deferred"


def test_no_event_has_a_field_of_the_lines_own() -> None:
    """An event's field named `event`, `time` or `level` would replace the line's own."""
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    assert [kind for kind in kinds for field in fields(kind) if field.name in ("event", "time", "level")] == []


def test_a_closed_pipe_disturbs_nobody() -> None:
    """The reader is gone: nothing is raised, the lines are counted as dropped."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        log = Log(stream, clock=FixedClock())
        for _ in range(10):
            log.on_event(accepted())
        assert log.flush()
        assert log.dropped == 10


def test_a_closed_stream_disturbs_nobody() -> None:
    """Writing to a stream somebody closed is no error of the emitter."""
    stream = io.StringIO()
    log = Log(stream, clock=FixedClock())
    stream.close()
    log.on_event(accepted())
    assert log.flush()
    assert log.dropped == 1


def test_a_full_disk_disturbs_nobody_and_the_gap_is_told() -> None:
    """Lines that could not be written are counted, and the number stands before the next line that could."""
    stream = Unwilling()
    log = Log(stream, clock=FixedClock())
    stream.full = True
    log.on_event(accepted())
    assert log.flush()
    stream.full = False
    log.on_event(accepted())
    assert log.flush()
    first, second = stream.getvalue().splitlines()
    assert first == "(1 log lines were dropped: the log could not be written fast enough)"
    assert json.loads(second)["event"] == "message_accepted"
    assert log.dropped == 0


class Unwilling(io.StringIO):
    """A stream on a disk that may be full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_reader_that_stalls_never_blocks_the_emitter() -> None:
    """With a full pipe whose reader sleeps, events cost no time and the memory is bounded."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "w") as stream:
            log = Log(stream, clock=FixedClock())
            bus = Events()
            bus.subscribe(log.on_event)
            began = time.monotonic()
            for _ in range(MAX_WAITING_LINES + 2_000):
                bus.emit(accepted())
            took_s = time.monotonic() - began
            assert took_s < 5
            assert 1_000 < log.dropped <= 2_000
            assert log.flush(timeout_s=0.05) is False
            os.set_blocking(reading, False)
            while not log.flush(timeout_s=0.01):
                with contextlib.suppress(BlockingIOError):  # the writing thread had no turn since the last look
                    os.read(reading, 1 << 20)
    finally:
        os.close(reading)


def test_the_last_lines_are_written_when_the_process_ends() -> None:
    """A process that ends in the usual way loses no line, and a broken standard error does not change its exit code."""
    code = (
        "from gatepost.observe.log import Log; from gatepost.events import SettingWarned; log = Log()\n"
        "for n in range(1000): log.on_event(SettingWarned(detail=str(n)))"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False, timeout=30)
    assert [json.loads(line)["detail"] for line in done.stderr.splitlines()] == [str(n) for n in range(1000)]
    reading, writing = os.pipe()
    os.close(reading)
    broken = subprocess.run([sys.executable, "-c", code], stderr=writing, check=False, timeout=30)
    os.close(writing)
    assert (done.returncode, broken.returncode) == (0, 0)


def test_the_end_of_the_service_is_written_before_anything_else_happens() -> None:
    """A host's server may end the process by a signal, where nothing runs at exit: the line is out by then."""
    program = (
        "import os, signal\n"
        "from gatepost.events import ServiceStopped\n"
        "from gatepost.observe.log import Log\n"
        "Log().on_event(ServiceStopped(duration_ms=1))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert '"event": "service_stopped"' in done.stderr


def test_warnings_of_libraries_come_in_the_same_lines() -> None:
    """uvicorn, Alembic and asyncio log through the standard library: warnings and up become lines of ours."""
    stream = io.StringIO()
    log = Log(stream, clock=FixedClock())
    logger = logging.Logger("uvicorn.error")
    logger.addHandler(LibraryRecords(log))
    logger.info("Started server process [%d]", 1)
    logger.warning("to %s", "bob@example.com")
    try:
        raise ValueError("token=abcdef")
    except ValueError:
        logger.exception("failed")
    logger.error("%d is no number", "seven")
    assert log.flush()
    first, second, third = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("library_record", "warning", "uvicorn.error")
    assert first["text"] == "to b***@example.com"
    assert second["level"] == "error"
    assert second["traceback"].rstrip().endswith("ValueError: token=***")
    assert third["text"] == "a record that cannot be written"
