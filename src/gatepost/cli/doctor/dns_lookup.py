"""Asks DNS through dnspython. No other module imports that, and this one is loaded only when somebody asks."""

from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from gatepost.cli.doctor.records import LookupFailed

LIFETIME_S = 6.0  # of one question, over all servers and repeats
TIMEOUT_S = 2.0  # of one server
MAX_QUESTIONS = 60


class DnsLookup:
    """Asks what the machine asks, or one server; see `Lookup`.

    Args:
        server: an IP address; None for what the machine asks.
        port: of that server.
        lifetime_s: of one question.

    Raises:
        LookupFailed: the machine asks nobody, or the address is none.
    """

    def __init__(self, server: str | None = None, port: int = 53, *, lifetime_s: float = LIFETIME_S) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=server is None)
            if server is not None:
                self._resolver.nameservers = [dns.nameserver.Do53Nameserver(server, port)]
        except (dns.exception.DNSException, ValueError, OSError) as error:
            raise LookupFailed(f"no resolver is configured: {error}") from error
        self._resolver.timeout, self._resolver.lifetime = min(TIMEOUT_S, lifetime_s), lifetime_s
        self._questions = 0

    async def texts(self, name: str) -> Sequence[str]:
        """The TXT records of a name."""
        return [b"".join(one.strings).decode("utf-8", "replace") for one in await self._ask(name, "TXT")]

    async def mail_servers(self, domain: str) -> Sequence[tuple[int, str]]:
        """The MX records of a domain."""
        return sorted((one.preference, one.exchange.to_text().strip(".")) for one in await self._ask(domain, "MX"))

    async def has_address(self, name: str) -> bool:
        """Whether a name has an address."""
        return bool(await self._ask(name, "A") or await self._ask(name, "AAAA"))

    async def _ask(self, name: str, kind: str) -> Sequence[Any]:
        self._questions += 1
        if self._questions > MAX_QUESTIONS:
            raise LookupFailed(f"after {MAX_QUESTIONS} questions no more are asked")
        try:
            return list(await self._resolver.resolve(f"{name}.", kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailed(f"no answer about {name}: {error}") from error
