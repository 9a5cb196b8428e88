"""What is kept of strangers is deleted after a week, in bounded batches."""

import pytest

from gatepost.accounts.candidates import prune_candidates
from gatepost.accounts.tokens import prune_tokens
from gatepost.outbox import prune
from gatepost.outbox.prune import prune_no_account
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows

DAY_S = 24 * 3600


async def _prune(flows: Flows) -> tuple[int, int, int]:
    now_ms = flows.gate.clock.now_ms()
    return await flows.gate.database.write(
        lambda tx: (prune_no_account(tx, now_ms), prune_tokens(tx, now_ms), prune_candidates(tx, now_ms))
    )


async def test_what_was_written_about_an_unknown_address_goes_after_a_week(flows: Flows, clock: MovableClock) -> None:
    """Not a day earlier: until then support can say why nothing came."""
    await flows.request_reset("nobody@example.com")
    clock.move(7 * DAY_S - 60)
    assert (0, 0, 0) == await _prune(flows)
    clock.move(120)
    assert (1, 1, 0) == await _prune(flows)
    assert ([], []) == (await flows.rows(messages), await flows.tokens())


async def test_what_belongs_to_an_account_stays(flows: Flows, clock: MovableClock) -> None:
    """Messages, tokens and waiting registrations of people are no business of this."""
    await flows.register()
    clock.move(30 * DAY_S)
    assert (0, 0, 0) == await _prune(flows)


async def test_the_empty_row_of_a_refused_registration_goes_after_a_week(flows: Flows, clock: MovableClock) -> None:
    """It only made the taken address cost the same."""
    await flows.registered_and_verified(ADDRESS)
    await flows.register(ADDRESS)
    clock.move(7 * DAY_S + 60)
    assert (0, 0, 1) == await _prune(flows)
    assert [] == await flows.candidates()


async def test_a_batch_is_bounded(flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows are old, one transaction deletes only so many."""
    for _ in range(3):
        await flows.request_reset("nobody@example.com")
    clock.move(8 * DAY_S)
    monkeypatch.setattr(prune, "BATCH", 2)
    assert (2, 3, 0) == await _prune(flows)
    assert (1, 0, 0) == await _prune(flows)
