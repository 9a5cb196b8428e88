"""Secrets and what is derived from them: one subkey for each use (HKDF, RFC 5869)."""

import hashlib
import hmac
from collections.abc import Sequence


def hkdf(secret: bytes, info: bytes, length: int = 32) -> bytes:
    """Derive a key with HKDF-SHA-256 and an empty salt (RFC 5869). `length` is in bytes, at most 8,160."""
    pseudorandom_key = hmac.digest(bytes(32), secret, "sha256")
    block, okm = b"", b""
    while len(okm) < length:
        block = hmac.digest(pseudorandom_key, block + info + bytes([len(okm) // 32 + 1]), "sha256")
        okm += block
    return okm[:length]


class Keys:
    """The secret keys of the product: the first signs, all verify.

    Args:
        secrets: each any text of at least 32 characters.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = {hashlib.sha256(secret.encode()).hexdigest()[:12]: secret.encode() for secret in secrets}
        self.signing_id = next(iter(self._secrets))
        self._derived: dict[tuple[str, str], bytes] = {}

    def derive(self, key_id: str, use: str) -> bytes | None:
        """Return the subkey for one use, or None when no secret has this id (any more)."""
        if (known := self._derived.get((key_id, use))) is not None:
            return known
        secret = self._secrets.get(key_id)
        if secret is None:
            return None
        return self._derived.setdefault((key_id, use), hkdf(secret, f"gatepost {use}".encode()))

    def signing(self, use: str) -> bytes:
        """Return the first secret's subkey for one use."""
        key = self.derive(self.signing_id, use)
        assert key is not None  # noqa: S101  # for the type checker
        return key

    def all_for(self, use: str) -> list[bytes]:
        """Return every secret's subkey for one use, the one that signs first."""
        return [key for key_id in self._secrets if (key := self.derive(key_id, use)) is not None]

    def hidden_address(self, address_key: str) -> str:
        """Stand in for an address nobody has an account for: a keyed hash, of no use without the secret."""
        return self._hidden(self.signing_id, address_key)

    def hidden_addresses(self, address_key: str) -> list[str]:
        """Every keyed hash the address may have been stored under, one for each secret."""
        return [self._hidden(key_id, address_key) for key_id in self._secrets]

    def _hidden(self, key_id: str, address_key: str) -> str:
        key = self.derive(key_id, "address without account")
        assert key is not None  # noqa: S101  # for the type checker
        return "hidden:" + hmac.digest(key, address_key.encode(), "sha256")[:16].hex()
