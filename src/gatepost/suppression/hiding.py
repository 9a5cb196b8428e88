"""The keyed hash in whose place an erased person's address stands: still found by whoever knows the address."""

import hmac
from collections.abc import Sequence

_PREFIX = "suppressed:"
_USE = b"gatepost suppressed address\0"


class Hiding:
    """Hides addresses under secrets: the first one hides, every one finds.

    Args:
        secrets: SUPPRESSION_KEY where it is set, then the secret keys: what was hidden under one that is retired is
            never found again.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    def hide(self, address_key: str) -> str:
        """Stand in for an address key: a keyed hash, of no use without the secret. What is hidden stays as it is."""
        return address_key if is_hidden(address_key) else _hidden(self._secrets[0], address_key)

    def digest(self, address_key: str) -> bytes:
        """The same as 16 bytes, for what has no room for more; `hidden_form` writes them out."""
        return bytes.fromhex(self.hide(address_key).removeprefix(_PREFIX))

    def forms(self, address_key: str) -> list[str]:
        """Everything an address key may stand as in a suppression, itself first."""
        if is_hidden(address_key):
            return [address_key]
        return [address_key, *(_hidden(secret, address_key) for secret in self._secrets)]


def is_hidden(address_key: str) -> bool:
    """Whether this stands in the place of an address key."""
    return address_key.startswith(_PREFIX)


def hidden_form(digest: bytes) -> str:
    """Write out what `Hiding.digest` made, as it stands in the place of an address key."""
    return _PREFIX + digest.hex()


def _hidden(secret: bytes, address_key: str) -> str:
    return _PREFIX + hmac.digest(secret, _USE + address_key.encode(), "sha256")[:16].hex()
