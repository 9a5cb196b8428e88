"""How far long work is: a bar on a terminal, and nothing where nobody looks. Ctrl+C and SIGTERM end the work safely."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[float], None]]:
    """Show a bar on standard error while the block runs, if that is a terminal; give what moves it, from 0 to 1.

    SIGTERM is as Ctrl+C: the block is left by KeyboardInterrupt, so that it can take back what it began.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        with bar:
            task = bar.add_task(what, total=1.0)
            yield lambda done: bar.update(task, completed=done)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
