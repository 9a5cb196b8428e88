"""The mail server everybody sends to: Postfix's smtp-sink, in C, where Debian's package can be unpacked; else our own.

The package is only unpacked into .cache/postfix, never installed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT, Process, free_port

POSTFIX = ROOT / ".cache" / "postfix"
PROGRAM = POSTFIX / "usr" / "sbin" / "smtp-sink"
LIBRARIES = POSTFIX / "usr" / "lib" / "postfix"
MAX_CONNECTIONS = 12_000


def start_sink(folder: Path, *, port: int | None = None) -> Process:
    """Start the sink that takes every message as fast as it can and keeps none."""
    port = port or free_port()
    if (program := _smtp_sink()) is None:
        return slow_sink(folder, delay_s=0, port=port)
    command = [str(program), "-m", str(MAX_CONNECTIONS), f"127.0.0.1:{port}", "4096"]
    if os.getuid() == 0:
        command[1:1] = ["-u", "nobody"]  # it insists
    return Process(command, port=port, folder=folder, environ={"LD_LIBRARY_PATH": str(LIBRARIES)})


def slow_sink(folder: Path, *, delay_s: float, port: int | None = None) -> Process:
    """Our own test server, which takes each message only after `delay_s`."""
    port = port or free_port()
    command = [sys.executable, "-m", "gatepost.testing", "--port", str(port), "--delay-s", str(delay_s)]
    return Process(command, port=port, folder=folder)


def sink_name() -> str:
    """Say which sink is used, for the table."""
    return "Postfix smtp-sink" if _smtp_sink() else "python -m gatepost.testing (smtp-sink could not be had)"


def _smtp_sink() -> Path | None:
    if PROGRAM.exists():
        return PROGRAM
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    POSTFIX.mkdir(parents=True, exist_ok=True)
    quiet = {"cwd": POSTFIX, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if subprocess.run(["apt-get", "download", "postfix"], **quiet, timeout=120).returncode == 0:
        for package in POSTFIX.glob("postfix_*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], **quiet, timeout=120)
    return PROGRAM if PROGRAM.exists() else None
