"""Private keys for signatures, and dkimpy as the referee of them: it shares nothing with what signs."""

import base64
from dataclasses import dataclass
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gatepost.mail.dkim import Signer
from gatepost.mail.dkim_key import read_key

DOMAIN, SELECTOR = "acme.example", "gatepost1"
KINDS = ("rsa", "ed25519")


@dataclass(frozen=True)
class Pair:
    """A private key in PEM, and the DNS record of its public key."""

    pem: bytes
    record: bytes

    @property
    def signer(self) -> Signer:
        return Signer(read_key(self.pem), DOMAIN, SELECTOR)

    def passes(self, content: bytes, *, domain: str = DOMAIN, selector: str = SELECTOR) -> bool:
        """Whether the referee finds the signature good, and looked where it should for the public key."""
        asked = self._asked(content)
        return asked == [f"{selector}._domainkey.{domain}.".encode()]

    def fails(self, content: bytes) -> bool:
        """Whether the referee finds no good signature, wherever it looked."""
        return self._asked(content) is None

    def _asked(self, content: bytes) -> list[bytes] | None:
        asked: list[bytes] = []

        def dns(name: bytes, timeout: int = 5) -> bytes:
            asked.append(name)
            return self.record

        return asked if dkim.verify(content, dnsfunc=dns) else None


@cache
def pair(kind: str) -> Pair:
    """The key of a kind, the same for the whole run."""
    key = generate_private_key(65537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    how = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if kind == "rsa" else (Encoding.Raw, PublicFormat.Raw)
    public = base64.b64encode(key.public_key().public_bytes(*how))
    return Pair(pem, b"v=DKIM1; k=%b; p=%b" % (kind.encode(), public))
