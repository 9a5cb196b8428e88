"""The keyed hash in an erased person's place: found by the address, under every key there is, and by nothing else."""

import pytest

from gatepost.parts import build_hiding
from gatepost.settings import Settings
from gatepost.suppression.hiding import Hiding, is_hidden

OLD, NEW, OWN = (
    "an old secret key, long enough 0123",
    "a new secret key, long enough 01234",
    "the suppression key 0123456789abcdef",
)
MIRA = "mira@example.com"


def build(*secrets: str, own: str | None = None) -> Hiding:
    return build_hiding(Settings(secret_keys=list(secrets), suppression_key=own))


def test_the_hash_tells_nothing_and_is_the_same_each_time() -> None:
    """No part of the address stands in it; another address has another one."""
    hidden = build(OLD).hide(MIRA)
    assert is_hidden(hidden)
    assert not is_hidden(MIRA)
    assert "mira" not in hidden
    assert hidden == build(OLD).hide(MIRA) == build(OLD).hide(hidden)
    assert hidden != build(OLD).hide("mika@example.com")
    assert hidden != build(NEW).hide(MIRA)


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (build(NEW, OLD), True),
        (build(NEW), False),
        (build(OLD, own=OWN), True),  # set after the first person was erased
        (build(NEW, own=OWN), False),
    ],
    ids=["rotated", "retired", "own key added", "own key added and retired"],
)
def test_what_a_secret_key_hid_is_found_while_it_is_there(later: Hiding, found: bool) -> None:
    """Keys are replaced by putting the new one in front; once the old one is gone, so is what it hid."""
    assert (build(OLD).hide(MIRA) in later.forms(MIRA)) is found


def test_what_the_suppression_key_hid_outlives_the_secret_keys() -> None:
    """That is what it is for."""
    assert build(OLD, own=OWN).hide(MIRA) == build(NEW, own=OWN).hide(MIRA)
    assert build(OLD, own=OWN).hide(MIRA) != build(OLD).hide(MIRA)


def test_a_hidden_form_stands_only_as_itself() -> None:
    """Nobody gets from one key's form to another's."""
    hidden = build(OLD).hide(MIRA)
    assert [hidden] == build(NEW, OLD).forms(hidden)
