"""Clients, as many as a test needs: each from a prefix of its own, or all from one."""

from ipaddress import IPv4Address, IPv6Address

from gatepost.accounts.client import Client, client_at

_HOME = int(IPv6Address("2001:db8:1:2::"))


def client_number(number: int) -> Client:
    """One of many clients, no two of the same prefix."""
    return client_at(IPv4Address(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"))


def neighbour(number: int) -> Client:
    """One of many addresses of the same household: an IPv6 network of 64 bits."""
    return client_at(IPv6Address(_HOME + number))
