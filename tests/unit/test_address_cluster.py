"""Addresses that cost nothing to invent are one where somebody counts, and stay several everywhere else."""

import pytest

from gatepost.accounts.address_cluster import address_cluster
from gatepost.mail.address import parse_address


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Mira@example.com", "mira@example.com"),
        ("mira+shop@example.com", "mira@example.com"),
        ("mira+a+b@example.com", "mira@example.com"),
        ("+shop@example.com", "+shop@example.com"),
        ("m.i.r.a@example.com", "m.i.r.a@example.com"),
        ("m.i.r.a+x@gmail.com", "mira@gmail.com"),
        ("Mira@googlemail.com", "mira@gmail.com"),
        ("мира+1@example.com", "мира@example.com"),
    ],
)
def test_s79_what_costs_nothing_to_invent_is_one_mailbox_to_the_limits(typed: str, expected: str) -> None:
    """What stands behind a plus does not count, at Gmail neither do dots; no domain is shut out."""
    assert expected == address_cluster(parse_address(typed).key)
