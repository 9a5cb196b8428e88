"""The mark of a browser in which an operator signed in before: ours, of one name, for some time. Pure."""

import pytest

from gatepost.accounts.keys import Keys
from gatepost.operators.known_browser import KEPT_S, browser_of, mark_of

OLD, NEW = "an old secret of these tests, long enough", "a new secret of these tests, long enough"
NOW_MS = 1_790_000_000_000


def test_a_mark_is_known_again() -> None:
    """By its number, which it keeps when it is made anew."""
    keys = Keys([OLD])
    mark = mark_of(keys, "mira", None, NOW_MS)
    number = browser_of(keys, "mira", mark, NOW_MS)
    assert number is not None
    again = mark_of(keys, "mira", mark, NOW_MS + 1)
    assert again != mark
    assert number == browser_of(keys, "mira", again, NOW_MS + 1)


def test_each_browser_has_a_number_of_its_own() -> None:
    """Nobody is counted with somebody else."""
    keys = Keys([OLD])
    numbers = {browser_of(keys, "mira", mark_of(keys, "mira", None, NOW_MS), NOW_MS) for _ in range(50)}
    assert 50 == len(numbers)


def test_a_mark_is_of_one_name() -> None:
    """Whoever signed in under one has no guesses at another."""
    keys = Keys([OLD])
    assert browser_of(keys, "tom", mark_of(keys, "mira", None, NOW_MS), NOW_MS) is None


def test_a_mark_outlives_a_change_of_keys_and_not_its_time() -> None:
    """The keys there were still know it; after KEPT_S nobody does, nor under another product's keys."""
    mark = mark_of(Keys([OLD]), "mira", None, NOW_MS)
    assert browser_of(Keys([NEW, OLD]), "mira", mark, NOW_MS) is not None
    assert browser_of(Keys([NEW]), "mira", mark, NOW_MS) is None
    assert browser_of(Keys([OLD]), "mira", mark, NOW_MS + KEPT_S * 1000 - 1) is not None
    assert browser_of(Keys([OLD]), "mira", mark, NOW_MS + KEPT_S * 1000) is None


@pytest.mark.parametrize("brought", [None, "", "x", "a" * 32 + ".1." + "b" * 64, "a" * 5000])
def test_what_is_no_mark_is_nobodys(brought: str | None) -> None:
    """A cookie is whatever a stranger makes it."""
    assert browser_of(Keys([OLD]), "mira", brought, NOW_MS) is None


def test_no_part_of_a_mark_may_be_changed() -> None:
    """Neither its number nor its time: whoever could choose the number had as many guesses as numbers."""
    keys = Keys([OLD])
    number, at, mac = mark_of(keys, "mira", None, NOW_MS).split(".")
    for other in (f"{'0' * 32}.{at}.{mac}", f"{number}.{int(at) + 1}.{mac}", f"{number}.{at}.{'0' * 64}"):
        assert browser_of(keys, "mira", other, NOW_MS) is None
