"""Public keys of providers that sign with keys of their own. The library for it is optional, so it is found late."""

import base64
import importlib
import importlib.util
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gatepost.errors import NotProven, SettingsError

_LIBRARY = "cryptography"
MIN_RSA_BITS = 2048


def check_installed(setting: str) -> None:
    """Refuse a setting that cannot work here.

    Raises:
        SettingsError: what verifies signatures is not installed.
    """
    if importlib.util.find_spec(_LIBRARY) is None:
        raise SettingsError(
            f"{setting} is set, and {_LIBRARY} is not installed here: "
            'pip install "gatepost[signatures]", or leave the setting out.'
        )


class EcKey:
    """A public key on the curve P-256, for ECDSA with SHA-256.

    Args:
        text: base64 of its DER (SubjectPublicKeyInfo).
        setting: where it stands, for the refusal.

    Raises:
        SettingsError: it is no such key, or what reads it is not installed.
    """

    def __init__(self, text: str, setting: str) -> None:
        check_installed(setting)
        ec = _load("primitives.asymmetric.ec")
        try:
            key = _load("primitives.serialization").load_der_public_key(base64.b64decode(text))
        except ValueError:
            key = None
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise SettingsError(f"{setting} is no P-256 public key; copy the whole of what the provider shows.")
        self._key: Any = key

    def fits(self, signature: bytes, content: bytes) -> bool:
        """Say whether a signature (DER) is of this content."""
        return _fits(self._key, signature, content, _load("primitives.asymmetric.ec").ECDSA(_hash("sha256")))


class RsaKey:
    """The public key of a certificate, for RSA with PKCS #1 v1.5.

    Args:
        pem: the certificate.
        now_ms: wall time in milliseconds; the certificate must be valid then.

    Raises:
        NotProven: it is no certificate of an RSA key of MIN_RSA_BITS, or is not valid now.
    """

    def __init__(self, pem: bytes, now_ms: int) -> None:
        rsa = _load("primitives.asymmetric.rsa")
        try:
            certificate = importlib.import_module(f"{_LIBRARY}.x509").load_pem_x509_certificate(pem)
            key: Any = certificate.public_key()
        except (ValueError, TypeError):
            raise NotProven("what lies at SigningCertURL is no certificate") from None
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise NotProven("the certificate at SigningCertURL is not valid now")
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_RSA_BITS:
            raise NotProven(f"the certificate at SigningCertURL has no RSA key of {MIN_RSA_BITS} bits")
        self._key = key

    def fits(self, signature: bytes, content: bytes, digest: str) -> bool:
        """Say whether a signature with this digest ("sha1", "sha256") is of this content."""
        return _fits(self._key, signature, content, _load("primitives.asymmetric.padding").PKCS1v15(), _hash(digest))


def _fits(key: Any, signature: bytes, content: bytes, *how: Any) -> bool:
    try:
        key.verify(signature, content, *how)
    except importlib.import_module(f"{_LIBRARY}.exceptions").InvalidSignature:
        return False
    return True


def _hash(name: str) -> Any:
    return getattr(_load("primitives.hashes"), name.upper())()


@cache
def _load(module: str) -> Any:
    return importlib.import_module(f"{_LIBRARY}.hazmat.{module}")
