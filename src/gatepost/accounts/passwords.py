"""Password rules, and argon2id hashes made beside the event loop in a bounded pool of threads."""

import asyncio
import os
import sys
import threading
import unicodedata
from concurrent.futures import Future, ThreadPoolExecutor

from argon2 import PasswordHasher

from gatepost.errors import N_, FieldError, HashingBusy

# Beyond this nobody types a password, and hashing it would only cost (OWASP Authentication Cheat Sheet).
MAX_PASSWORD_CHARACTERS = 1024
MAX_WAITING = 2048
MAX_WAIT_S = 30.0
NICENESS = 10


def password_problem(password: str, min_length: int) -> FieldError | None:
    """Say what is wrong with a new password, or None.

    Length is counted in code points and nothing else is demanded (NIST SP 800-63B-4, 3.1.1.2).
    """
    if len(password) > MAX_PASSWORD_CHARACTERS:
        values = {"limit": MAX_PASSWORD_CHARACTERS}
        return FieldError("password", "too_long", N_("Use at most %(limit)s characters."), values)
    if len(password) < min_length:
        return FieldError("password", "too_short", N_("Use at least %(limit)s characters."), {"limit": min_length})
    if not _encodable(password):
        text = N_("The password holds half of a character; type it again.")
        return FieldError("password", "invalid_text", text)
    return None


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Passwords:
    """Hashes passwords with argon2id (RFC 9106) in as many threads as there are cores.

    argon2 releases the interpreter lock, so more threads than cores would only cost memory. The threads are nice on
    Linux: a storm of sign-ups leaves the event loop quick for everything else.
    """

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int, threads: int | None = None) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        self._threads = threads or cores()
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the PHC string of `password` in NFC, with its own salt.

        Raises:
            HashingBusy: MAX_WAITING hashes wait already, this one waited longer than MAX_WAIT_S, or the system gives no
                thread to hash in.
        """
        if self._waiting >= MAX_WAITING:
            raise HashingBusy(f"{MAX_WAITING} passwords wait to be hashed", retry_after_s=int(MAX_WAIT_S))
        self._waiting += 1
        try:
            normalised = unicodedata.normalize("NFC", password)
            hashed = self._submit(normalised)
            async with asyncio.timeout(MAX_WAIT_S):
                return await asyncio.wrap_future(hashed)
        except TimeoutError:
            raise HashingBusy(f"a password waited {MAX_WAIT_S:.0f} s to be hashed", retry_after_s=10) from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the threads; hashes that have not begun are dropped. A later hash starts new threads."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, normalised: str) -> "Future[str]":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "gatepost-hash", initializer=_be_nice)
        try:
            return self._pool.submit(self._hasher.hash, normalised)
        except RuntimeError as error:  # "can't start new thread": a limit on processes, or no memory for one
            raise HashingBusy(f"no thread to hash a password in: {error}", retry_after_s=10) from error


def _encodable(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True


def _be_nice() -> None:
    if sys.platform == "linux":  # elsewhere the niceness is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
