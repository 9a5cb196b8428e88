"""Keys: RFC 5869 to the byte. Passwords: bounded, beside the event loop."""

import asyncio
import os
import sys
import threading

import pytest
from argon2 import PasswordHasher, extract_parameters

from gatepost.accounts import passwords
from gatepost.accounts.keys import Keys, hkdf
from gatepost.accounts.passwords import Passwords, cores
from gatepost.errors import HashingBusy
from gatepost.settings.table import SETTINGS


def test_hkdf_gives_what_rfc_5869_says() -> None:
    """Test case 3 of the RFC's appendix: SHA-256 with empty salt and info."""
    okm = hkdf(b"\x0b" * 22, b"", 42)
    assert "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" == okm.hex()


def test_every_use_has_a_key_of_its_own() -> None:
    """A key that leaks from one use opens no other."""
    keys = Keys(["a secret of the tests, long enough to be one"])
    assert keys.signing("token verification") != keys.signing("token password_reset")


async def test_s04_a_password_is_hashed_in_nfc() -> None:
    """An é typed as one code point or as two is the same password."""
    hasher = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    hashed = await hasher.hash("cafe\u0301 with cream")
    assert PasswordHasher().verify(hashed, "caf\u00e9 with cream")
    hasher.close()


async def test_s04_a_password_is_compared_as_it_is() -> None:
    """Blanks at the ends, capitals, NUL and what stands behind the 72nd byte count; only the normal form does not."""
    typed = " Caf\u00e9\x00" + "quartz ladle " * 10 + "end"
    hasher = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    hashed = await hasher.hash(typed)
    assert await hasher.verify(typed.replace("\u00e9", "e\u0301"), hashed)
    others = (typed.strip(), typed.lower(), typed[:-1], typed[:72], typed.replace("\x00", ""), typed.split("\x00")[0])
    assert [False] * 6 == [await hasher.verify(other, hashed) for other in others]
    hasher.close()


async def test_s07_hashes_are_argon2id_as_strong_as_owasp_asks_with_a_salt_each() -> None:
    """By default 19 MiB, two passes and one lane; the PHC string tells, and 20 hashes have 20 salts of 16 bytes."""
    defaults = {setting.name: setting.default for setting in SETTINGS}
    strength = {"memory_kib": defaults["argon2_memory_kib"], "time_cost": defaults["argon2_time_cost"]}
    hasher = Passwords(**strength, parallelism=defaults["argon2_parallelism"])
    hashed = await asyncio.gather(*(hasher.hash("a password") for _ in range(20)))
    assert {"$argon2id$v=19$m=19456,t=2,p=1"} == {phc.rpartition("$")[0].rpartition("$")[0] for phc in hashed}
    assert {(16, 32)} == {(found.salt_len, found.hash_len) for found in map(extract_parameters, hashed)}
    assert 20 == len({phc.split("$")[4] for phc in hashed})
    hasher.close()


async def test_there_are_as_many_hashing_threads_as_cores_and_they_are_nice() -> None:
    """More threads would only cost memory; nice ones leave the event loop quick."""
    before = set(threading.enumerate())
    hasher = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    await asyncio.gather(*(hasher.hash(f"password number {n}") for n in range(40)))
    threads = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("gatepost-hash")]
    assert 1 <= len(threads) <= cores()
    if sys.platform == "linux":
        niceness = {os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in threads}
        assert {min(19, os.getpriority(os.PRIO_PROCESS, 0) + passwords.NICENESS)} == niceness
    hasher.close()


async def test_a_full_queue_of_hashes_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the caller hears when to come again, and nothing is hashed."""
    monkeypatch.setattr(passwords, "MAX_WAITING", 3)
    hasher = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    results = await asyncio.gather(*(hasher.hash("a password") for _ in range(10)), return_exceptions=True)
    assert (3, 7) == (
        sum(isinstance(result, str) for result in results),
        sum(isinstance(result, HashingBusy) and result.retry_after_s > 0 for result in results),
    )
    hasher.close()


async def test_without_a_thread_to_hash_in_nobody_is_promised_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system gives no thread: busy, and the next hash that finds one is made."""
    hashing = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    with monkeypatch.context() as no_threads:
        no_threads.setattr(threading.Thread, "start", _refused)
        with pytest.raises(HashingBusy, match="no thread"):
            await hashing.hash("correct horse")

    assert PasswordHasher().verify(await hashing.hash("correct horse"), "correct horse")
    hashing.close()


def _refused(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
