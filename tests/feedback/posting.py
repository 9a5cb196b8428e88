"""Posts as providers send them, signed with keys that are made here; and a host of Amazon's on loopback."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from gatepost.clock import iso
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers.fetch import Fetch

NOW_MS = 1_795_478_400_000  # 2026-11-24T00:00:00Z
NOW_S = NOW_MS // 1000
WINDOW_S = 300
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
MAILGUN_KEY = "0f3b5e6f8d6a4c1f9b7e2d4c6a8b0e1f"
TOKEN = "9f0a3c5e7b1d2f4a6c8e0b1d3f5a7c9e1b3d5f7a9c0e2b4d6f"
LOGIN = "postmark:correct-horse-battery"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:gatepost"
OTHER_TOPIC = "arn:aws:sns:eu-west-1:210987654321:gatepost"
AMAZON = "sns.eu-west-1.amazonaws.com"
CERTIFICATE = "/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
ROW_ID = "019a9f2e-7c1d-7b2a-9c3d-4e5f60718293"


def posted(body: bytes, headers: Mapping[str, str], *, peer: str = "203.0.113.7", now_ms: int = NOW_MS) -> Posted:
    return Posted(headers=headers, body=body, peer=ip_address(peer), now_ms=now_ms)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def standard(
    event: object,
    *,
    secret: str = SECRET,
    at_s: int = NOW_S,
    own_id: str = "msg_2KWPBgLlAfxdpx2A",
    prefix: str = "webhook",
) -> Posted:
    """Sign as Standard Webhooks, version 1."""
    body = event if isinstance(event, bytes) else as_json(event)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{own_id}.{at_s}.".encode() + body, "sha256")).decode()
    fields = {"id": own_id, "timestamp": str(at_s), "signature": f"v1,{signature}"}
    return posted(body, {f"{prefix}-{name}": value for name, value in fields.items()})


def mailgun(event: object, *, key: str = MAILGUN_KEY, at_s: int = NOW_S, token: str = TOKEN) -> Posted:
    """Sign as Mailgun does: the time and the token."""
    signature = hmac.new(key.encode(), f"{at_s}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": str(at_s), "token": token, "signature": signature}
    return posted(as_json({"signature": signed, "event-data": event}), {"content-type": "application/json"})


def postmark(event: object, *, login: str = LOGIN, peer: str = "203.0.113.7") -> Posted:
    """Log in as Postmark does."""
    authorization = "Basic " + base64.b64encode(login.encode()).decode()
    return posted(event if isinstance(event, bytes) else as_json(event), {"authorization": authorization}, peer=peer)


class SendGridKey:
    """A key pair of SendGrid's, and what it signs."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self._key = ec.generate_private_key(curve or ec.SECP256R1())
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.shown = base64.b64encode(der).decode()

    def post(self, events: object, *, at_s: int = NOW_S) -> Posted:
        """Sign a list of events."""
        body = events if isinstance(events, bytes) else as_json(events)
        signature = self._key.sign(str(at_s).encode() + body, ec.ECDSA(hashes.SHA256()))
        return posted(
            body,
            {
                "x-twilio-email-event-webhook-timestamp": str(at_s),
                "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
            },
        )


class Sns:
    """Amazon SNS: its key, the certificate of it, and what it signs."""

    def __init__(self, *, bits: int = 2048, from_ms: int = NOW_MS, days: int = 30) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        start = datetime.fromtimestamp(from_ms / 1000, UTC) - timedelta(days=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def whole(self, fields: Mapping[str, Any], *, version: str = "2", url: str = "") -> dict[str, Any]:
        """Sign the fields of an envelope, in the order of their names, as SNS documents it."""
        signed = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
        content = "".join(f"{name}\n{fields[name]}\n" for name in signed if name in fields)
        digest = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self._key.sign(content.encode(), padding.PKCS1v15(), digest)
        return {
            **fields,
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": url or f"https://{AMAZON}{CERTIFICATE}",
            "UnsubscribeURL": f"https://{AMAZON}/?Action=Unsubscribe",
        }

    def notification(
        self, event: object, *, version: str = "2", url: str = "", topic: str = TOPIC, at_ms: int = NOW_MS, **more: Any
    ) -> dict[str, Any]:
        """Return an envelope around an event of SES."""
        fields = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": topic,
            "Message": event if isinstance(event, str) else json.dumps(event),
            "Timestamp": iso(at_ms),
            **more,
        }
        return self.whole(fields, version=version, url=url)

    def subscription(
        self, *, topic: str = TOPIC, subscribe_url: str = "", kind: str = "", at_ms: int = NOW_MS
    ) -> dict[str, Any]:
        """Return what SNS posts when somebody subscribes an endpoint to a topic."""
        token = "2336412f37fb687f5d51e6e2425dacbba" * 4
        fields = {
            "Type": kind or "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": token,
            "TopicArn": topic,
            "Message": f"You have chosen to subscribe to the topic {topic}.\nTo confirm, visit the SubscribeURL.",
            "SubscribeURL": subscribe_url
            or f"https://{AMAZON}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
            "Timestamp": iso(at_ms),
        }
        return self.whole(fields)


def by_sns(envelope: object) -> Posted:
    """Post an envelope of SNS."""
    return posted(envelope if isinstance(envelope, bytes) else as_json(envelope), {"content-type": "text/plain"})


class Amazon:
    """A host of Amazon's on loopback: what it was asked for, and what it answers to each target."""

    def __init__(self, pem: bytes) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {CERTIFICATE: answer(pem)}
        self.otherwise = answer(b"<ConfirmSubscriptionResponse/>")
        self.was_asked, self.held = asyncio.Event(), asyncio.Event()
        self.held.set()
        self.port = 0

    def fetch(self, trusting: ssl.SSLContext, *, timeout_s: float = 5.0) -> Fetch:
        """Return a fetch that reaches this host under every name."""
        return Fetch(context=trusting, where=lambda host: ("127.0.0.1", self.port), timeout_s=timeout_s)

    @contextlib.asynccontextmanager
    async def serving(self, context: ssl.SSLContext) -> AsyncIterator["Amazon"]:
        """Serve until the block ends."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split(b" ")[1].decode()
        self.asked.append(target)
        self.was_asked.set()
        await self.held.wait()
        with contextlib.suppress(OSError):
            writer.write(self.answers.get(target, self.otherwise))
            await writer.drain()
        writer.close()


def answer(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    """Write an answer of HTTP/1.1."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
