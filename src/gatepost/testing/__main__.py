"""`python -m gatepost.testing`: an SMTP server to try things against, one printed line for each accepted message."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from gatepost.testing.inbox import AcceptedMessage
from gatepost.testing.submission_server import SubmissionServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until SIGINT or SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gatepost.testing",
        description="An SMTP server that accepts every message, prints one line for it and delivers nothing.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=2525, help="port to listen on, 0 for a free one (default: 2525)")
    parser.add_argument(
        "--delay-s", type=float, default=0.0, help="seconds to wait before a message is accepted (default: 0)"
    )
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options.host, options.port, options.delay_s))
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {options.host}:{options.port}: {error}. Choose another --port.\n")
        return 1
    return 0


async def _serve(host: str, port: int, delay_s: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends it the hard way
            loop.add_signal_handler(number, stop.set)
    server = SubmissionServer(host=host, port=port, delay_s=delay_s)
    server.on_accepted = _print
    async with server:
        _write(f"Accepting mail on {host}:{server.port}, each message after {delay_s:g} s. Stop with Ctrl-C.")
        await stop.wait()


def _print(message: AcceptedMessage) -> None:
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    _write(f"{time} accepted recipient={message.recipient} subject={message.subject!r} {message.message_id}")


def _write(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
