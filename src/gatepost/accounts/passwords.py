"""Password rules, and argon2id hashes made beside the event loop in a bounded pool of threads."""

import asyncio
import os
import sys
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from gatepost.errors import N_, FieldError, HashingBusy

# Beyond this nobody types a password, and hashing it would only cost (OWASP Authentication Cheat Sheet).
MAX_PASSWORD_CHARACTERS = 1024
MAX_WAITING = 2048
MAX_WAIT_S = 30.0
NICENESS = 10

T = TypeVar("T")


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
    """Hashes and compares passwords with argon2id (RFC 9106) in as many threads as there are cores.

    argon2 releases the interpreter lock, so more threads than cores would only cost memory. The threads are nice on
    Linux: a storm of sign-ups leaves the event loop quick for everything else.
    """

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int, threads: int | None = None) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        self._nobodys = _nobodys_hash(self._hasher)
        self._threads = threads or cores()
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the PHC string of `password` in NFC, with its own salt.

        Raises:
            HashingBusy: MAX_WAITING passwords wait already, this one waited longer than MAX_WAIT_S, or the system gives
                no thread or no memory to hash in.
        """
        return await self._run(self._hash, _bytes(password))

    async def verify(self, password: str, phc: str | None) -> bool:
        """Say whether `password` in NFC is the one of this PHC string; one hash is made whatever the answer is.

        Nothing fits None, nor a string that is no hash of argon2's: both cost the same as a password that does not fit.
        A hash made with other parameters costs what it cost then, until its owner signs in.

        Raises:
            HashingBusy: as `hash`.
        """
        return await self._run(self._fits, _bytes(password), phc or self._nobodys)

    def needs_rehash(self, phc: str) -> bool:
        """Say whether a hash was made with other parameters than those of today."""
        try:
            return self._hasher.check_needs_rehash(phc)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """End the threads; hashes that have not begun are dropped. A later hash starts new threads."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., T], *given: object) -> T:
        if self._waiting >= MAX_WAITING:
            raise HashingBusy(f"{MAX_WAITING} passwords wait to be hashed", retry_after_s=int(MAX_WAIT_S))
        self._waiting += 1
        try:
            begun = self._submit(work, *given)
            async with asyncio.timeout(MAX_WAIT_S):
                return await asyncio.wrap_future(begun)
        except TimeoutError:
            raise HashingBusy(f"a password waited {MAX_WAIT_S:.0f} s to be hashed", retry_after_s=10) from None
        except (HashingError, VerificationError) as error:  # no memory, with parameters that are our own
            raise HashingBusy(f"a password cannot be hashed: {error}", retry_after_s=10) from error
        finally:
            self._waiting -= 1

    def _submit(self, work: Callable[..., T], *given: object) -> "Future[T]":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "gatepost-hash", initializer=_be_nice)
        try:
            return self._pool.submit(work, *given)
        except RuntimeError as error:  # "can't start new thread": a limit on processes, or no memory for one
            raise HashingBusy(f"no thread to hash a password in: {error}", retry_after_s=10) from error

    def _hash(self, password: bytes) -> str:
        return self._hasher.hash(password)

    def _fits(self, password: bytes, phc: str) -> bool:
        try:
            return self._hasher.verify(phc, password)
        except VerifyMismatchError:
            return False
        except (ValueError, VerificationError):
            # The row is broken, or there is no memory: in that case this raises too, and nobody is told "wrong".
            return self._fits_nobody(password)

    def _fits_nobody(self, password: bytes) -> bool:
        with suppress(VerifyMismatchError):
            self._hasher.verify(self._nobodys, password)
        return False


def _nobodys_hash(hasher: PasswordHasher) -> str:
    """A PHC string that costs what the real ones do and that no password fits: its salt and hash are random."""
    salt, tag = (b64encode(os.urandom(n)).decode().rstrip("=") for n in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${tag}"


def _bytes(password: str) -> bytes:
    # Half a character is refused in new passwords; with one nobody signs in, and it is no bug.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _encodable(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True


def _be_nice() -> None:
    if sys.platform == "linux":  # elsewhere the niceness is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
