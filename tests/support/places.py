"""Clients at addresses of the documentation networks (RFC 5737)."""

from ipaddress import IPv4Address

from gatepost.accounts.client import Client, client_at
from gatepost.accounts.limits import GUESSES, admit_sign_in
from tests.support.flows import Flows

HOME = client_at(IPv4Address("203.0.113.7"), "A browser")
SOMEWHERE = client_at(IPv4Address("198.51.100.1"), "Another browser")


def elsewhere(number: int) -> Client:
    """One of many other clients, each with a prefix of its own."""
    return client_at(IPv4Address("192.0.2.0") + number)


async def use_up_guesses(flows: Flows, address_key: str) -> None:
    """Let strangers try to sign in with an address until there are no guesses left for it."""
    for number in range(GUESSES.burst):
        assert await admit_sign_in(flows.gate, address_key, elsewhere(number), request_id="request-0")
    assert not await admit_sign_in(flows.gate, address_key, elsewhere(GUESSES.burst), request_id="request-0")
