"""Where a request comes from: the prefix that counts as one client, and the rough network people are told of."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network

# One household or machine. An IPv6 customer has at least a /64 (RFC 6177) and could use another address each time.
CLIENT_PREFIX = {4: 32, 6: 64}
# What mails and lists say: enough to recognise one's own provider by, too little to find a person.
NETWORK_PREFIX = {4: 24, 6: 48}
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Client:
    """One client.

    Args:
        prefix: what counts as one, e.g. "203.0.113.7/32" or "2001:db8:1:2::/64"; never stored as it is.
        network: where it is, roughly, e.g. "203.0.113.0/24"; empty where nobody knows.
        agent: the browser, as it calls itself; nothing is decided by it.
    """

    prefix: str
    network: str
    agent: str | None = None


def client_at(address: IPv4Address | IPv6Address | None, agent: str | None = None) -> Client:
    """The client at an address; all of whom no address is known are one."""
    if address is None:
        return Client(UNKNOWN, "", agent)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    prefix, network = (
        str(ip_network((address, lengths[address.version]), strict=False))
        for lengths in (CLIENT_PREFIX, NETWORK_PREFIX)
    )
    return Client(prefix, network, agent)
