"""An example as a process under uvicorn, and what it says of itself."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from gatepost.transport.folder import Mailbox

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without Gatepost's settings, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    return kept | {f"GATEPOST_{name.upper()}": value for name, value in settings.items()}


class Host:
    """An example host, started in an empty folder the way its docstring says; killed at the end if need be."""

    def __init__(self, folder: Path, example: str = "host_app", **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.mailbox = Mailbox(folder / "var" / "mailbox")
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.heard: list[str] = []
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT / "examples" / example)),
                *("--factory", "main:make_app", "--port", str(self.port)),
            ],
            cwd=folder,
            env=clean_environment(port=str(self.port), **settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        self.wait_for_line("Uvicorn running on")
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for_line(self, part: str) -> str:
        """Read the log until a line holds `part`, and return that line."""
        while (line := self._lines.get(timeout=DEADLINE_S)) is not None:
            self.heard.append(line)
            if part in line:
                return line
        raise AssertionError(f"the log ended without {part!r}:\n{''.join(self.heard)}")

    def wait_for_event(self, name: str, **fields: Any) -> dict[str, Any]:
        """Read the log until this event, with these fields, was written."""
        while True:
            event: dict[str, Any] = json.loads(self.wait_for_line(f'"event": "{name}"'))
            if all(event.get(field) == value for field, value in fields.items()):
                return event

    def terminate(self) -> int:
        """Send SIGTERM and return the exit code; the rest of the log is in `heard`."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_S)
        while (line := self._lines.get(timeout=DEADLINE_S)) is not None:
            self.heard.append(line)
        return code
