"""What a bounce says about the address, by its status first."""

import pytest

from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce
from gatepost.transport.reply_statuses import NO_SUCH_ADDRESS


@pytest.mark.parametrize("status", sorted(NO_SUCH_ADDRESS))
def test_no_such_address_is_hard(status: str) -> None:
    """Whatever the source calls it."""
    assert {Bounce.HARD} == {bounce_of(status, said) for said in (None, *Bounce)}


@pytest.mark.parametrize("status", ["5.2.1", "5.2.2", "4.2.2", "5.2.0"])
def test_what_is_about_the_mailbox_is_soft(status: str) -> None:
    """Full or switched off, for good or for now."""
    assert {Bounce.SOFT} == {bounce_of(status, said) for said in (None, *Bounce)}


@pytest.mark.parametrize("status", ["5.1.0", "5.1.4", "4.1.1", "5.7.1", "5.4.7", "5.6.1", "5.1.11"])
def test_everything_else_says_nothing_of_the_address(status: str) -> None:
    """Neighbours of the hard ones among them, also where the source calls it hard."""
    assert {Bounce.OTHER} == {bounce_of(status, said) for said in (None, *Bounce)}


@pytest.mark.parametrize("status", [None, "", "5.0.0", "4.0.0", "2.1.1", "5.1", "5.01.1", "550", "5.1.1 "])
def test_without_a_status_the_source_is_asked(status: str | None) -> None:
    """And without its word nothing is said."""
    assert [Bounce.OTHER, *Bounce] == [bounce_of(status, said) for said in (None, *Bounce)]
