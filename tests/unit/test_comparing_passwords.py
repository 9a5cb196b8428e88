"""Comparing a password costs one hash of today's parameters, whether there is one to compare with or none."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerificationError

from gatepost.accounts import passwords
from gatepost.accounts.passwords import Passwords, _nobodys_hash
from gatepost.errors import HashingBusy


@pytest.fixture
def hashing():
    """The cheapest hashes."""
    made = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    yield made
    made.close()


async def test_a_password_fits_its_own_hash_and_no_other(hashing: Passwords) -> None:
    """In whichever form of Unicode it was typed."""
    stored = await hashing.hash("cafe\u0301 with cream")
    assert await hashing.verify("caf\u00e9 with cream", stored)
    assert not await hashing.verify("cafe with cream", stored)
    assert not await hashing.verify("", stored)


BROKEN = [
    "",
    "no hash",
    "$2b$12$" + "a" * 53,
    "$argon2id$v=19$m=8,t=1,p=1$",
    "$argon2id$v=19$m=0,t=0,p=0$YQ$YQ",
    "\u00e4",
]


@pytest.mark.parametrize("stored", [None, *BROKEN])
async def test_nothing_fits_what_is_no_hash(hashing: Passwords, stored: str | None) -> None:
    """A row without a password and a broken one are the ordinary no; nothing raises."""
    assert not await hashing.verify("a password", stored)
    assert not await hashing.verify("half a character \ud800", stored)


async def test_s81_nobodys_hash_costs_what_a_real_one_costs(hashing: Passwords) -> None:
    """Memory, passes and lanes are those of today, and so is the length of what is compared."""
    for parameters in ({"memory_cost": 8, "time_cost": 1}, {"memory_cost": 64, "time_cost": 3, "parallelism": 2}):
        hasher = PasswordHasher(**{"parallelism": 1, **parameters})
        assert extract_parameters(hasher.hash("a password")) == extract_parameters(_nobodys_hash(hasher))
    assert _nobodys_hash(hasher) != _nobodys_hash(hasher)


@pytest.mark.parametrize("stored", [None, "no hash", "a hash"])
async def test_s81_every_comparison_waits_in_the_same_queue(
    hashing: Passwords, monkeypatch: pytest.MonkeyPatch, stored: str | None
) -> None:
    """When it is full, the answer is the same for an address nobody has."""
    phc = await hashing.hash("a password") if stored == "a hash" else stored
    monkeypatch.setattr(passwords, "MAX_WAITING", 0)
    with pytest.raises(HashingBusy):
        await hashing.verify("a password", phc)


async def test_s08_a_hash_with_other_parameters_is_made_anew(hashing: Passwords) -> None:
    """Weaker or stronger; one of today is left alone, and what is no hash is no reason to fail."""
    stronger = Passwords(memory_kib=64, time_cost=2, parallelism=1)
    weak, strong = await hashing.hash("a password"), await stronger.hash("a password")
    assert [False, True] == [hashing.needs_rehash(phc) for phc in (weak, strong)]
    assert [True, False] == [stronger.needs_rehash(phc) for phc in (weak, strong)]
    assert [True] * len(BROKEN) == [hashing.needs_rehash(phc) for phc in BROKEN]
    assert await hashing.verify("a password", strong)
    stronger.close()


async def test_without_memory_nobody_is_told_that_the_password_is_wrong(
    hashing: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """argon2 cannot allocate: that says nothing about the password, so it is try again later."""
    stored = await hashing.hash("a password")

    def no_memory(*_: object) -> bool:
        raise VerificationError("Memory allocation error")

    monkeypatch.setattr(PasswordHasher, "verify", no_memory)
    for phc in (stored, None):
        with pytest.raises(HashingBusy, match="Memory allocation"):
            await hashing.verify("a password", phc)
