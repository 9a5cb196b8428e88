"""What is erased and forgotten beside the mail costs what it touches, however many accounts and messages there are."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, insert, update

from gatepost.accounts.deletion import (
    ACCOUNTS_AT_ONCE,
    erase,
    erase_deleted,
    erase_unverified,
    prune_unproved_candidates,
)
from gatepost.accounts.keys import Keys
from gatepost.accounts.spent_tokens import prune_spent_tokens
from gatepost.accounts.tables import accounts, address_changes
from gatepost.delivery.chores import Chore
from gatepost.outbox.cancel import cancel_of_account
from gatepost.outbox.prune import MESSAGES_AT_ONCE, prune_born_cancelled, prune_messages
from gatepost.outbox.retention import BATCH, anonymise
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, FLOODED, NOW_MS, account_id, address_of, row_id
from tests.support.suppressing import HIDING

KEYS = Keys(["a secret of the tests, long enough to be one"])
PERSON = 8
CHORES: dict[str, Callable[[int], Chore]] = {
    "deleted": lambda days: partial(erase_deleted, kept_days=days, keys=KEYS, hiding=HIDING),
    "unverified": lambda days: partial(erase_unverified, kept_days=days, keys=KEYS, hiding=HIDING),
    "candidates": lambda days: partial(prune_unproved_candidates, kept_days=days),
    "recipients": lambda days: partial(anonymise, kept_days=days),
    "messages": lambda days: partial(prune_messages, kept_days=days),
}


def _delete(tx: Connection, *numbers: int) -> None:
    for number in numbers:
        tx.execute(update(accounts).where(accounts.c.id == account_id(number)).values(deleted_at=NOW_MS - DAY_MS))


def _change(tx: Connection, number: int) -> None:
    """Give an account a wish to have somebody else's address."""
    row = {
        "id": account_id(number),
        "account_id": account_id(number),
        "old_email": address_of(number),
        "old_key": address_of(number),
        "new_email": address_of(FLOODED),
        "new_key": address_of(FLOODED),
        "confirm_token": row_id(1, NOW_MS),
        "undo_token": row_id(2, NOW_MS),
        "created_at": NOW_MS,
    }
    tx.execute(insert(address_changes), row)


@pytest.fixture(autouse=True)
def tidied(settled: Filled) -> Iterator[None]:
    """These write much; the tests of other files look at the same rows."""
    yield
    settled.tidy()


@pytest.mark.parametrize("number", [PERSON, FLOODED], ids=["a person", "flooded"])
def test_erasing_looks_at_what_belongs_to_the_account(settled: Filled, number: int) -> None:
    """Messages, tokens and candidates are found by the account and the address, a bounded number at a time."""

    def work(tx: Connection) -> None:
        _delete(tx, number)
        if number != FLOODED:
            _change(tx, number)
        assert int(number != FLOODED) == erase_deleted(tx, NOW_MS, kept_days=0, keys=KEYS, hiding=HIDING)

    settled.examine_work(work).assert_searched(steps=150_000, pages=15_000)


def test_erasing_at_once_looks_at_what_belongs_to_the_account(settled: Filled) -> None:
    """The same for an account that is in the way of whoever proved its address."""
    settled.examine_work(lambda tx: erase(tx, [account_id(PERSON)])).assert_searched(steps=50_000, pages=3_000)


def test_those_nobody_proved_are_found_by_their_age(settled: Filled) -> None:
    """Of thousands, the oldest; each by its keys."""

    def work(tx: Connection) -> None:
        prune_unproved_candidates(tx, NOW_MS, kept_days=30)
        assert 0 < erase_unverified(tx, NOW_MS, kept_days=30, keys=KEYS, hiding=HIDING) <= ACCOUNTS_AT_ONCE

    settled.examine_work(work).assert_searched(steps=150_000, pages=15_000)


def test_forgetting_walks_a_bounded_piece(settled: Filled) -> None:
    """One batch of messages, with their attempts and what operators said; the next one begins where it ended."""

    def work(tx: Connection) -> None:
        assert [BATCH, BATCH] == [anonymise(tx, NOW_MS, kept_days=31) for _ in range(2)]

    settled.examine_work(work).assert_searched(steps=150_000, pages=30_000)


def test_pruning_walks_a_bounded_piece(settled: Filled) -> None:
    """One batch of messages, with their attempts, feedback and what operators said; the next begins where it ended."""

    def work(tx: Connection) -> None:
        assert [MESSAGES_AT_ONCE] * 2 == [prune_messages(tx, NOW_MS, kept_days=31) for _ in range(2)]

    settled.examine_work(work).assert_searched(steps=150_000, pages=30_000)


def test_what_never_was_to_go_out_is_found_among_the_cancelled(settled: Filled) -> None:
    """By the state, a batch at a time."""
    settled.examine_work(lambda tx: prune_born_cancelled(tx, NOW_MS)).assert_searched(steps=150_000, pages=30_000)


def test_spent_tokens_are_found_in_a_bounded_piece(settled: Filled) -> None:
    """Two thousand are looked at, wherever the walk is."""

    def work(tx: Connection) -> None:
        assert [True, True] == [prune_spent_tokens(tx, NOW_MS) > 0 for _ in range(2)]

    settled.examine_work(work).assert_searched(steps=150_000, pages=30_000)


@pytest.mark.parametrize("name", CHORES)
def test_nothing_to_do_costs_a_look(settled: Filled, name: str) -> None:
    """While nothing is old enough, a chore reads next to nothing; or at most the batch it would have done."""
    chore = CHORES[name](365)
    settled.examine_work(lambda tx: chore(tx, NOW_MS)).assert_searched(steps=15_000, pages=2_500)


@pytest.mark.parametrize("number", [PERSON, FLOODED], ids=["a person", "flooded"])
def test_what_waits_of_an_account_is_found_by_the_account(filled: Filled, number: int) -> None:
    """Not by the state: a hundred thousand may wait."""
    work = partial(cancel_of_account, account_id=account_id(number), reason="disabled", now_ms=NOW_MS)
    filled.examine_work(work).assert_searched(steps=15_000, pages=700)
