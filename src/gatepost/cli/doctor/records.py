"""What the checks of the sender ask of DNS. Who answers is `dns_lookup`, loaded only when somebody asks."""

from collections.abc import Sequence
from typing import Protocol


class LookupFailed(Exception):
    """DNS gave no answer: the text says why."""


class Lookup(Protocol):
    """Asks DNS, with a bound on everything.

    Raises:
        LookupFailed: nobody knows.
    """

    async def texts(self, name: str) -> Sequence[str]:
        """The TXT records of a name, each with its parts joined; none where there is no such name."""
        ...

    async def mail_servers(self, domain: str) -> Sequence[tuple[int, str]]:
        """The MX records of a domain: preference and name, the empty name for one that takes no mail (RFC 7505)."""
        ...

    async def has_address(self, name: str) -> bool:
        """Whether a name has an address of either kind."""
        ...
