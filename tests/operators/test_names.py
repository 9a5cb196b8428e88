"""What an operator may be called, and who may what. Pure."""

import pytest

from gatepost.errors import InvalidInput
from gatepost.operators.operator import clean_name
from gatepost.operators.role import Role


@pytest.mark.parametrize("name", ["mira", "mira.k", "mira@example.com", "7", "m" * 64, "a_b-c"])
def test_a_name_stays_as_it_is(name: str) -> None:
    """As it is stored and shown."""
    assert name == clean_name(name)


def test_a_name_is_written_in_one_way() -> None:
    """Blanks around it and capitals do not make another operator."""
    assert "mira" == clean_name("  Mira ")


@pytest.mark.parametrize(
    "name", ["", " ", "-mira", "mira k", "mira\x00", "m" * 65, "mïra", "<b>", "../mira", "mira\n\nx"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """It stands in addresses of pages, in the log and in the audit."""
    with pytest.raises(InvalidInput):
        clean_name(name)


def test_a_role_may_what_the_ones_before_it_may() -> None:
    """And nothing of the ones after it."""
    may = {(str(one), str(least)) for one in Role for least in Role if one.may(least)}
    assert {
        ("support", "support"),
        ("operator", "support"),
        ("operator", "operator"),
        ("owner", "support"),
        ("owner", "operator"),
        ("owner", "owner"),
    } == may
