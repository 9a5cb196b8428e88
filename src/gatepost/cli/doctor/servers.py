"""The submission servers: a connection, TLS and a login to each, up to the point where MAIL may be sent."""

import asyncio
import ssl
import time
from collections.abc import Sequence

from gatepost.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from gatepost.parts import build_servers
from gatepost.settings import Settings
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.line import Line
from gatepost.transport.opening import Manner, Unreachable, open_line, tls_context
from gatepost.transport.reply import Phase, Reply
from gatepost.transport.reply_table import explain
from gatepost.transport.server import Server
from gatepost.transport.transport import Progress

# Somebody waits before a screen; the service itself is more patient.
_TIMEOUTS = StepTimeouts(connect_s=10, tls_s=10, greeting_s=20, auth_s=15)
CERTIFICATE_ENDS_SOON_DAYS = 14
_DAY_S = 86_400

_ADVICE = {
    Phase.CONNECT: "Compare host and port in GATEPOST_SMTP_URL with what the provider says, and look for a firewall:"
    " many hosts close port 25, and some 587.",
    Phase.TLS: "smtps:// is for port 465, smtp:// with STARTTLS for 587. The certificate must be for the host that is"
    " named.",
    Phase.GREETING: "Ask the provider whether this machine's address may connect.",
    Phase.AUTH: "Compare user name and password; in the URL write @ as %40, / as %2F, ? as %3F, # as %23.",
}


async def examine_servers(settings: Settings, context: ssl.SSLContext | None = None) -> list[Finding]:
    """Look at each server of SMTP_URL. Nothing is submitted.

    Args:
        settings: the effective settings.
        context: for TLS; None trusts what the machine trusts.
    """
    servers = build_servers(settings)
    if not servers:
        return [skipped("mail server", "the development mailbox takes the mail", "GATEPOST_SMTP_URL names a server.")]
    found: Sequence[list[Finding]] = await asyncio.gather(*(_examine(server, context) for server in servers))
    return [one for those in found for one in those]


async def _examine(server: Server, context: ssl.SSLContext | None) -> list[Finding]:
    check = f"mail server {server.name}"
    manner = Manner(context=tls_context(context), timeouts=_TIMEOUTS)
    began = time.monotonic()
    try:
        line = await open_line(server, Progress(), manner)
    except Unreachable as unreachable:
        return [_refused(check, unreachable.reply)]
    took_s = time.monotonic() - began
    try:
        return [ok(check, f"{_in_words(line)}, in {took_s:.2f} s"), *_certificate(check, line)]
    finally:
        await line.quit()


def _refused(check: str, reply: Reply) -> Finding:
    said = " ".join(str(part) for part in (reply.code, reply.text) if part)
    meaning = explain(reply.outcome, reply.phase, reply.code, reply.enhanced_status)
    return wrong(check, f"at {reply.phase}: {said}", f"{meaning} {_ADVICE.get(reply.phase, '')}".strip())


def _in_words(line: Line) -> str:
    server = line.server
    tls = _tls_of(line)
    parts = [
        "reachable",
        "without TLS, on this machine" if tls is None else str(tls.version()),
        "no login" if server.username is None else "the login is accepted",
    ]
    return ", ".join(parts)


def _certificate(check: str, line: Line) -> list[Finding]:
    tls = _tls_of(line)
    ends = (tls.getpeercert() or {}).get("notAfter") if tls is not None else None
    if not isinstance(ends, str):
        return []
    left_days = int((ssl.cert_time_to_seconds(ends) - time.time()) // _DAY_S)
    if left_days >= CERTIFICATE_ENDS_SOON_DAYS:
        return []
    return [warning(check, f"its certificate ends in {left_days} days, {ends}", "Tell whoever runs the server.")]


def _tls_of(line: Line) -> ssl.SSLObject | None:
    found = None if line.transport is None else line.transport.get_extra_info("ssl_object")
    return found if isinstance(found, ssl.SSLObject) else None
