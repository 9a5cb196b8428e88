"""Turns events, and the warnings of libraries, into log lines: JSON for machines, one readable line for a terminal."""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, NamedTuple, TextIO

from gatepost import events
from gatepost.clock import Clock, SystemClock, iso
from gatepost.observe.redact import redact
from gatepost.observe.sink import Sink

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"
_ORDER: Final = {DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3}

# How loud each event is. A class that does not stand here is as loud as the class it comes from.
LEVELS: Final[Mapping[type[events.Event], str]] = {
    events.Event: INFO,
    events.SettingWarned: WARNING,
    events.RoutineAnswered: DEBUG,
    events.RequestFailed: ERROR,
    events.PageBroken: ERROR,
    events.TokenRefused: WARNING,
    events.SignInRefused: WARNING,
    events.CurrentPasswordRefused: WARNING,
    events.AddressChangeUndone: WARNING,
    events.RequestLimited: WARNING,
    events.ChallengeRefused: WARNING,
    events.SignUpsUnusual: ERROR,
    events.MessageDeferred: WARNING,
    events.MessageFailed: ERROR,
    events.MessageUnknown: WARNING,
    events.MessageExpired: WARNING,
    events.MessageHeld: ERROR,
    events.ClaimLost: WARNING,
    events.WorkerStarted: DEBUG,
    events.WorkerFailed: ERROR,
    events.WorkerStopped: DEBUG,
    events.WorkerFoundDead: WARNING,
    events.WorkerRevived: WARNING,
    events.MessagesRecovered: WARNING,
    events.WorkerRestarted: ERROR,
    events.ServerFailed: WARNING,
    events.CredentialsRefused: ERROR,
    events.ProbeFailed: DEBUG,
    events.ServerRecovered: WARNING,
    events.AddressSuppressed: WARNING,
    events.BouncesUnusual: ERROR,
    events.FeedbackRefused: WARNING,
    events.PersonErased: WARNING,
    events.QueueHeld: WARNING,
    events.QueueReleased: WARNING,
    events.OperatorSignInRefused: WARNING,
    events.OperatorPasswordRefused: WARNING,
    events.OperatorChanged: WARNING,
    events.MessagesAnonymised: DEBUG,
    events.MessagesPruned: DEBUG,
}

_WORD_STARTS = re.compile(r"(?<!^)(?=[A-Z])")
_COLOURS: Final = {DEBUG: "2", INFO: "32", WARNING: "33", ERROR: "31"}
_TRACEBACK_KEPT = 16_000
_EVENT_WIDTH = 22


class _Form(NamedTuple):
    """What all lines of one class of event have in common."""

    level: str
    name: str
    fields: tuple[str, ...]


class Log:
    """Writes one line for each event at or above a level. Subscribe `on_event`.

    Args:
        stream: where lines go, standard error when None. Slow, closed or full, it disturbs nobody; see Sink.
        clock: what time it is; the machine's when None.
        level: the least level that is written.
        pretty: readable lines instead of JSON; None means when the stream is a terminal.
        colour: colours in readable lines; None means when the stream is a terminal and NO_COLOR is not set.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Clock | None = None,
        level: str = INFO,
        pretty: bool | None = None,
        colour: bool | None = None,
    ) -> None:
        stream = sys.stderr if stream is None else stream
        terminal = _is_terminal(stream)
        self._sink = Sink(stream)
        self._clock = clock or SystemClock()
        self._forms: dict[type[events.Event], _Form] = {}
        self._least = _ORDER[level]
        self._pretty = terminal if pretty is None else pretty
        self._colour = terminal and not os.environ.get("NO_COLOR") if colour is None else colour

    def on_event(self, event: events.Event) -> None:
        """Write the event, when it is loud enough."""
        form = self._forms.get(type(event)) or self._form(type(event))
        self.write(form.level, form.name, {name: getattr(event, name) for name in form.fields})
        if isinstance(event, events.ServiceStopped):
            # uvicorn ends a host's process by raising the signal again, and then nothing runs at exit: wait here.
            self.flush()

    def write(self, level: str, event: str, details: Mapping[str, Any]) -> None:
        """Write one line. Details that are None are left out; texts are redacted and cut."""
        if _ORDER[level] < self._least:
            return
        clean = {name: _clean(name, value) for name, value in details.items() if value is not None}
        time = iso(self._clock.now_ms())
        if self._pretty:
            self._sink.write(_readable(time, level, event, clean, colour=self._colour))
        else:
            # Escaping everything but ASCII keeps control characters, line ends and bidi marks out of the line.
            line = json.dumps({"event": event, "time": time, "level": level, **clean}, default=str)
            self._sink.write(line)

    @property
    def dropped(self) -> int:
        """Lines that could not be written since the last one that could."""
        return self._sink.dropped

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was written before is out; False when it took longer."""
        return self._sink.flush(timeout_s)

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, then write no more."""
        self._sink.close(timeout_s)

    def _form(self, kind: type[events.Event]) -> "_Form":
        form = _Form(level_of(kind), event_name(kind), tuple(field.name for field in fields(kind)))
        return self._forms.setdefault(kind, form)


class LibraryRecords(logging.Handler):
    """Brings warnings and errors of uvicorn, Alembic, asyncio and other libraries into the same lines."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
            level = ERROR if record.levelno >= logging.ERROR else WARNING
            details = {"logger": record.name, "text": record.getMessage(), "traceback": error}
            self._log.write(level, "library_record", details)
        except Exception:
            self._log.write(ERROR, "library_record", {"logger": record.name, "text": "a record that cannot be written"})


def level_of(kind: type[events.Event]) -> str:
    """Name the level of an event class."""
    return next(LEVELS[ancestor] for ancestor in kind.__mro__ if ancestor in LEVELS)


def event_name(kind: type[events.Event]) -> str:
    """Name an event class as log lines do: MessageAccepted is message_accepted."""
    return _WORD_STARTS.sub("_", kind.__name__).lower()


def _clean(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return redact(value, _TRACEBACK_KEPT) if name == "traceback" else redact(value)
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, tuple | list):
        return [_clean(name, item) for item in value]
    return value


def _readable(time: str, level: str, event: str, details: dict[str, Any], *, colour: bool) -> str:
    trace = details.pop("traceback", None)
    words = " ".join(f"{name}={_word(value)}" for name, value in details.items())
    head = f"{level.upper():7} {event.replace('_', ' '):{_EVENT_WIDTH}}"
    if colour:
        head = f"\x1b[{_COLOURS[level]}m{head}\x1b[0m"
    line = f"{time[11:23]} {head} {words}".rstrip()
    # A traceback is for reading: its lines follow, indented, so that none of them can pass for an event.
    return "\n".join([line, *(f"    | {_printable(part)}" for part in str(trace).splitlines())]) if trace else line


def _word(value: Any) -> str:
    text = _printable(",".join(map(str, value)) if isinstance(value, list) else str(value))
    return text if text and " " not in text and '"' not in text else '"' + text.replace('"', "'") + '"'


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (ValueError, AttributeError):  # closed, or no stream of ours
        return False
