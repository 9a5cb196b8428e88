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
def progress(what: str, *, while_printing: bool = False) -> Iterator[Callable[[float], None]]:
    """Show a bar on standard error while the block runs, if that is a terminal; give what moves it, from 0 to 1.

    Until it is moved it only shows that something goes on. SIGTERM is as Ctrl+C: the block is left by
    KeyboardInterrupt, so that it can take back what it began.

    Args:
        what: is under way.
        while_printing: the block prints; then there is no bar where both would be on one terminal.
    """
    seen = sys.stderr.isatty() and not (while_printing and sys.stdout.isatty())
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        # With its redirections what the block prints would go where the bar goes.
        console = Console(stderr=True)
        bar = Progress(console=console, transient=True, disable=not seen, redirect_stdout=False, redirect_stderr=False)
        with bar:
            task = bar.add_task(what, total=None)
            yield lambda done: bar.update(task, completed=done, total=1.0)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
