"""Submits one short message straight through the transport, and says in plain words what came of it."""

import secrets
import time
from typing import Any

from gatepost.cli import text
from gatepost.clock import SystemClock
from gatepost.mail.address import wire_address
from gatepost.mail.headers import date, mailbox, parse_sender, unstructured
from gatepost.parts import build_signer, build_transport
from gatepost.settings import Settings
from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.transport import Envelope, Progress

_BODY = (
    "This is a test message.\r\n"
    "\r\n"
    "Somebody ran `gatepost send-test` to see whether mail arrives. Nothing else is behind it.\r\n"
)

_UNREACHABLE = {
    Phase.CONNECT: "No server could be reached",
    Phase.TLS: "No safe connection came about",
    Phase.GREETING: "The server did not want to talk",
    Phase.AUTH: "The server refused the login",
}
_OUTCOMES = {
    Outcome.ACCEPTED: "Accepted",
    Outcome.TRANSIENT: "Refused for now; the service would try again later",
    Outcome.PERMANENT: "Refused for good; the service would give this message up",
    Outcome.UNREACHABLE: "The server could not be used",
    Outcome.UNKNOWN: "Unknown: the line broke after the content, so the server may have taken it",
    Outcome.NOT_OURS: "Broken off",
}


async def send(settings: Settings, address: str, *, as_json: bool = False) -> bool:
    """Submit a test message to `address`, print what the server answered, and say whether it was accepted.

    Raises:
        InvalidRecipient: `address` is no address.
        SettingsError: DKIM_KEY cannot be used.
    """
    envelope = compose(settings, address)
    transport = build_transport(settings)
    began = time.monotonic()
    try:
        reply = await transport.submit(envelope, Progress(), _go_on)
    finally:
        await transport.close()
    took_s = time.monotonic() - began
    if as_json:
        text.as_json(plain(reply, took_s))
    else:
        print(in_words(reply, took_s))
    return reply.outcome is Outcome.ACCEPTED


def compose(settings: Settings, address: str) -> Envelope:
    """Make the test message: plain ASCII text, so that nothing but the way there, and the signature, is tested."""
    sender = parse_sender(settings.sender)
    recipient = wire_address(address)
    now_ms = SystemClock().now_ms()
    header = (
        f"Date: {date(now_ms)}\r\n"
        f"{mailbox('From', sender)}"
        f"To: {recipient}\r\n"
        f"{unstructured('Subject', f'{settings.product_name}: test message')}"
        f"Message-ID: <{secrets.token_hex(16)}@{sender.domain}>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
    )
    content, signer = f"{header}\r\n{_BODY}".encode(), build_signer(settings)
    if signer is not None:
        content = signer.sign(content, now_ms)
    return Envelope(sender.address, recipient, content)


def plain(reply: Reply, took_s: float) -> dict[str, Any]:
    """Write what came of it as JSON has it."""
    return {
        "outcome": str(reply.outcome),
        "phase": str(reply.phase),
        "server": reply.server,
        "code": reply.code,
        "enhanced_status": reply.enhanced_status,
        "text": reply.text,
        "took_s": round(took_s, 3),
    }


def in_words(reply: Reply, took_s: float) -> str:
    """Write what came of it for a person: what it means, who said it, and the words."""
    meaning = _OUTCOMES[reply.outcome]
    if reply.outcome is Outcome.UNREACHABLE:
        meaning = _UNREACHABLE.get(reply.phase, meaning)
    server = f" by {reply.server}" if reply.server else ""
    if reply.outcome is not Outcome.ACCEPTED:
        server = f" ({reply.server}, at {reply.phase.replace('_', ' ')})" if reply.server else f" (at {reply.phase})"
    words = " ".join(str(part) for part in (reply.code, reply.text) if part)
    return f"{meaning}{server} after {took_s:.2f} s{': ' if words else ''}{words}"


async def _go_on() -> bool:
    return True
