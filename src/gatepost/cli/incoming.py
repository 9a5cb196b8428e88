"""Mails that lie in files, in Maildirs or come on standard input, each read up to a bound, and what is done with it."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

STANDARD_INPUT = Path("-")
_NEW, _SEEN = "new", "cur"  # the folders of a Maildir; `tmp` is the mail server's own
_FLAGS = ":2,S"
_CHUNK_BYTES = 65_536


@dataclass(frozen=True)
class Incoming:
    """One mail.

    Args:
        name: where it is from, for people.
        raw: its bytes, at most one more than the bound.
        file: its file in a Maildir's folder of new mail; None of any other.
    """

    name: str
    raw: bytes
    file: Path | None = None

    def done(self) -> None:
        """Have it seen, so that the next run does not read it: only where it is in a Maildir. Twice does no harm.

        Raises:
            OSError: its file cannot be moved.
        """
        if self.file is not None:
            with contextlib.suppress(FileNotFoundError):  # another run was faster
                self.file.rename(self.file.parent.parent / _SEEN / (self.file.name.partition(":")[0] + _FLAGS))


def is_maildir(folder: Path) -> bool:
    """Whether a folder has those of a Maildir."""
    return all((folder / name).is_dir() for name in (_NEW, _SEEN))


def incoming(paths: Sequence[Path], most_bytes: int) -> Iterator[Incoming]:
    """Read mails one after the other, of a Maildir the new ones, oldest first as far as their names tell.

    Args:
        paths: files with a mail each, Maildirs, and STANDARD_INPUT.
        most_bytes: of a longer mail one byte more is read, and what follows is passed over.

    Raises:
        OSError: something cannot be read.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield Incoming("standard input", _read_all(most_bytes))
        elif path.is_dir():
            yield from _of_maildir(path / _NEW, most_bytes)
        else:
            with path.open("rb") as file:
                yield Incoming(str(path), file.read(most_bytes + 1))


def _read_all(most_bytes: int) -> bytes:
    # To its end: a mail server whose pipe is closed early takes the mail for not delivered.
    raw = sys.stdin.buffer.read(most_bytes + 1)
    while sys.stdin.buffer.read(_CHUNK_BYTES):
        pass
    return raw


def _of_maildir(new: Path, most_bytes: int) -> Iterator[Incoming]:
    for name in sorted(os.listdir(new)):
        if name.startswith("."):
            continue
        with contextlib.suppress(FileNotFoundError):  # another run was faster
            raw = _read_file(new / name, most_bytes)
            if raw is not None:
                yield Incoming(str(new / name), raw, new / name)


def _read_file(file: Path, most_bytes: int) -> bytes | None:
    """Read what a mail server laid here: nothing that leads elsewhere, and nothing that never ends."""
    if not stat.S_ISREG(file.lstat().st_mode):
        return None
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        return opened.read(most_bytes + 1)
