"""The mail server everybody sends to: Postfix's smtp-sink, in C, where Debian's package can be unpacked; else our own.

The package is only unpacked into .cache/debian, never installed.
"""

import os
import sys
from pathlib import Path

from benchmarks.processes import Process, free_port
from tests.support.debian import libraries, unpacked

PROGRAM = Path("usr/sbin/smtp-sink")
MAX_CONNECTIONS = 12_000


def start_sink(folder: Path, *, port: int | None = None) -> Process:
    """Start the sink that takes every message as fast as it can and keeps none."""
    port = port or free_port()
    if (root := _unpacked()) is None:
        return slow_sink(folder, delay_s=0, port=port)
    command = [str(root / PROGRAM), "-m", str(MAX_CONNECTIONS), f"127.0.0.1:{port}", "4096"]
    if os.getuid() == 0:
        command[1:1] = ["-u", "nobody"]  # it insists
    return Process(command, port=port, folder=folder, environ={"LD_LIBRARY_PATH": libraries(root)})


def slow_sink(folder: Path, *, delay_s: float, port: int | None = None) -> Process:
    """Our own test server, which takes each message only after `delay_s`."""
    port = port or free_port()
    command = [sys.executable, "-m", "gatepost.testing", "--port", str(port), "--delay-s", str(delay_s)]
    return Process(command, port=port, folder=folder)


def sink_name() -> str:
    """Say which sink is used, for the table."""
    return "Postfix smtp-sink" if _unpacked() else "python -m gatepost.testing (smtp-sink could not be had)"


def _unpacked() -> Path | None:
    root = unpacked("postfix")
    return root if root is not None and (root / PROGRAM).exists() else None
