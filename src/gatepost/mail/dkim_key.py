"""Reads the private key that messages are signed with. `cryptography` is imported only here, and only for that."""

import base64
import hashlib
import importlib
import importlib.util
from typing import Any

from gatepost.mail.dkim import SigningKey

LIBRARY = "cryptography"
MIN_RSA_BITS = 2048  # RFC 8301 wants 1024 at least; what is shorter than 2048 is not trusted for long


def is_installed() -> bool:
    """Whether keys can be read here at all."""
    return importlib.util.find_spec(LIBRARY) is not None


def read_key(pem: bytes) -> SigningKey:
    """Read a private key: RSA of at least MIN_RSA_BITS, or Ed25519, in PEM and not encrypted.

    Raises:
        ValueError: it is none; the text completes the sentence that begins with the file's name.
    """
    serialization = _module("serialization")
    try:
        key: Any = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("is encrypted: write it without a passphrase, in a file only the service can read") from None
    except Exception:  # of several kinds, and what they say may quote the key
        raise ValueError("holds no private key in PEM") from None
    if isinstance(key, _module("asymmetric.ed25519").Ed25519PrivateKey):
        return SigningKey("ed25519-sha256", lambda data: bytes(key.sign(hashlib.sha256(data).digest())))
    if not isinstance(key, _module("asymmetric.rsa").RSAPrivateKey):
        raise ValueError("holds a key that mail cannot be signed with: make one of RSA or Ed25519")
    if key.key_size < MIN_RSA_BITS:
        raise ValueError(f"holds an RSA key of {key.key_size} bits: make one of at least {MIN_RSA_BITS}")
    padding, digest = _module("asymmetric.padding").PKCS1v15(), _module("hashes").SHA256()
    return SigningKey("rsa-sha256", lambda data: bytes(key.sign(data, padding, digest)))


def public_form(pem: bytes) -> tuple[str, str]:
    """Return what the record in DNS says of a private key: the algorithm k= and the public key p= (RFC 6376, 3.6.1).

    Raises:
        ValueError: `read_key` would not read it, or there is nothing to read it with.
    """
    if not is_installed():
        raise ValueError(f"{LIBRARY} is not installed here")
    algorithm = read_key(pem).algorithm.partition("-")[0]
    serialization = _module("serialization")
    public: Any = serialization.load_pem_private_key(pem, password=None).public_key()
    encoding, form = serialization.Encoding, serialization.PublicFormat
    # RFC 8463, 4: of Ed25519 the 32 bytes alone.
    is_rsa = algorithm == "rsa"
    raw = public.public_bytes(*((encoding.DER, form.SubjectPublicKeyInfo) if is_rsa else (encoding.Raw, form.Raw)))
    return algorithm, base64.b64encode(raw).decode()


def _module(name: str) -> Any:
    return importlib.import_module(f"{LIBRARY}.hazmat.primitives.{name}")
