"""What operators type into one box costs the same however many messages, accounts and suppressions there are."""

import uuid
from functools import partial

import pytest

from gatepost.accounts.keys import Keys
from gatepost.explain import find as finding
from gatepost.explain.find import Wanted, find, find_accounts
from gatepost.suppression.hiding import Hiding
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import address_of
from tests.support.gate import SECRET

_FIND = partial(find, keys=Keys([SECRET]), hiding=Hiding([SECRET]))


@pytest.mark.parametrize("text", [address_of(8), "<nothing@gatepost.example>"])
def test_what_is_whole_is_looked_up(settled: Filled, text: str) -> None:
    """An address, and what is written as a Message-ID, whatever there is."""
    settled.examine_work(partial(_FIND, wanted=Wanted(text))).assert_searched(steps=25_000, pages=300)


def test_a_part_is_looked_for_in_a_bounded_stretch(settled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of the newest rows of each table as it may look at; the tables have a hundred times as many."""
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 500)
    for text in ("no such part", str(uuid.UUID(int=7 << 64))):
        found = settled.examine_work(partial(_FIND, wanted=Wanted(text)))
        assert found.work <= (30_000 if found.kind == "sqlite" else 400)  # pages: more where nothing was vacuumed yet
    found = settled.examine_work(partial(find_accounts, text="no such part"))
    assert found.work <= (30_000 if found.kind == "sqlite" else 400)
