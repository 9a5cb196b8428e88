"""The proof that one process owns a SQLite file: an flock on `<file>.lock` beside it.

The system frees it when its owner dies, however it dies. The file itself stays: removing it would let two processes
hold locks on two files of one name. SQLite's own file cannot carry it: closing a descriptor of that file drops
SQLite's locks.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from gatepost.errors import DatabaseInUse, StartRefused

_POLL_INTERVAL_S = 0.05
_HELD_ELSEWHERE = (errno.EWOULDBLOCK, errno.EACCES)


class FileLock:
    """A held lock; made by `FileLock.take`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        # A forked child would hold the lock beyond our death.
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _close_in_child(reference))

    @classmethod
    async def take(
        cls, database: Path, *, wait_for_owner_s: float, on_waiting: Callable[[str], None] | None = None
    ) -> "FileLock":
        """Take the lock of `database`, waiting for its present owner to finish.

        Args:
            database: the database's file, resolved: two names of one file must give one lock.
            wait_for_owner_s: seconds to wait for a living owner.
            on_waiting: called once, with a sentence for a person, before waiting.

        Raises:
            DatabaseInUse: the owner is still there after that time.
            StartRefused: the lock file cannot be written, or this file system has no locks.
        """
        path = database.with_name(database.name + ".lock")
        descriptor = _open(path)
        try:
            give_up_at = time.monotonic() + wait_for_owner_s
            told = on_waiting is None or wait_for_owner_s <= 0
            while not _try(descriptor, path):
                if time.monotonic() >= give_up_at:
                    raise DatabaseInUse(_in_use(database, path))
                if not told and on_waiting is not None:
                    on_waiting(
                        f"{database} is in use by {_owner(path)}: waiting up to {wait_for_owner_s:g} s for it to stop."
                    )
                    told = True
                await asyncio.sleep(_POLL_INTERVAL_S)
            _sign(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let the next process in; may be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartRefused(
            f"cannot write {path}, the proof that one process owns the database: {error.strerror}. "
            f"Give this user write access to it and to {path.parent}."
        ) from error


def _try(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ELSEWHERE:
            return False
        raise StartRefused(
            f"the file system of {path} has no file locks ({error.strerror}): put the SQLite database on a local disk."
        ) from error
    return True


def _sign(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # on a full disk the lock holds without its owner's name
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _owner(path: Path) -> str:
    try:
        return f"process {int(path.read_text())}"
    except (OSError, ValueError):  # taken and not signed yet
        return "another process"


def _in_use(database: Path, path: Path) -> str:
    owner = _owner(path)
    if owner == f"process {os.getpid()}":
        owner += " (this one, or one of the same number in another container)"
    return (
        f"{database} is in use by {owner}, and one process owns a SQLite file: stop that process, "
        "or set GATEPOST_DATABASE_URL to another file."
    )


def _close_in_child(reference: "weakref.ref[FileLock]") -> None:
    lock = reference()
    if lock is not None:
        lock.release()  # closes the child's copy only; the parent's lock stays
