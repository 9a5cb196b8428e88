"""Tokens that are over go a month later, found by walking through all of them again and again."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from gatepost.accounts import spent_tokens
from gatepost.accounts.spent_tokens import prune_spent_tokens
from gatepost.accounts.tokens import Purpose, issue
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows

KEPT_S = timedelta(days=31).total_seconds()


async def _prune(flows: Flows) -> int:
    now_ms = flows.gate.clock.now_ms()
    return await flows.gate.database.write(lambda tx: prune_spent_tokens(tx, now_ms))


async def _issue(flows: Flows, count: int) -> None:
    gate = flows.gate
    account_id = (await flows.accounts())[0]["id"]

    def work(tx: Connection) -> None:
        for _ in range(count):
            issue(
                tx,
                gate.keys,
                Purpose.PASSWORD_RESET,
                account_id=account_id,
                address_key=ADDRESS,
                now_ms=gate.clock.now_ms(),
            )

    await gate.database.write(work)


async def test_a_token_that_is_over_goes_a_month_later(flows: Flows, clock: MovableClock) -> None:
    """Whether it was used, void or late, the log of a refused one says so until then."""
    await flows.registered_and_verified()
    clock.move(KEPT_S - timedelta(minutes=10).total_seconds())
    assert 0 == await _prune(flows)
    await _issue(flows, 1)
    clock.move(timedelta(minutes=20).total_seconds())
    assert 1 == await _prune(flows)
    assert [str(Purpose.PASSWORD_RESET)] == [row["purpose"] for row in await flows.tokens()]


async def test_it_walks_piece_by_piece_and_begins_anew(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many tokens there are, a transaction looks at so many; after the last one it begins with the first."""
    monkeypatch.setattr(spent_tokens, "LOOKED_AT", 2)
    await flows.register()
    await _issue(flows, 4)
    assert [0, 0, 0] == [await _prune(flows) for _ in range(3)]
    clock.move(KEPT_S)
    assert [2, 2, 1, 0] == [await _prune(flows) for _ in range(4)]
    await _issue(flows, 1)
    clock.move(KEPT_S)
    assert [1, 0] == [await _prune(flows) for _ in range(2)]
