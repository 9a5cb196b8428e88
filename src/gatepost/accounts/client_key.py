"""What stands in the database for a client: a keyed hash of its prefix, of no use to whoever reads the rows alone."""

import hmac

from gatepost.accounts.client import Client
from gatepost.accounts.keys import Keys

CLIENT_KEY_BYTES = 16
_USE = "client"


def client_key(keys: Keys, client: Client) -> bytes:
    """The client as it is written now: 16 bytes, made with the secret that signs."""
    return _hashed(keys.signing(_USE), client)


def client_keys(keys: Keys, client: Client) -> list[bytes]:
    """Every form in which the client may have been written, one for each secret; the one of today first."""
    return [_hashed(key, client) for key in keys.all_for(_USE)]


def _hashed(key: bytes, client: Client) -> bytes:
    return hmac.digest(key, client.prefix.encode(), "sha256")[:CLIENT_KEY_BYTES]
