"""What the page of the sign-ups asks, and what a look at a mailed link does, costs the same whatever there is."""

import uuid
from functools import partial

import pytest

from gatepost.accounts.gate import Gate
from gatepost.accounts.link_opens import LinkOpens, Opener, opens_of
from gatepost.accounts.tokens import TEXT_LENGTH, Purpose
from gatepost.activity.sign_ups import count_mails, count_sign_ups, id_at
from gatepost.database.connection import Work
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, NOW_MS, account_id, token_id

_STRETCHES: dict[str, Work[object]] = {
    "accounts": partial(count_sign_ups, from_id=account_id(12_000), before_id=account_id(24_000)),
    "no account": partial(count_sign_ups, from_id=id_at(NOW_MS), before_id=id_at(NOW_MS + DAY_MS)),
    "messages": partial(count_mails, from_id=id_at(NOW_MS - 10 * DAY_MS), before_id=id_at(NOW_MS)),
    "no message": partial(count_mails, from_id=uuid.UUID(int=0), before_id=id_at(NOW_MS - 100 * DAY_MS)),
}


@pytest.mark.parametrize("name", _STRETCHES)
def test_a_piece_of_the_sign_ups_is_searched(settled: Filled, name: str) -> None:
    """At most 2,000 rows, each with a few looks into indexes; no table is walked through."""
    settled.examine_work(_STRETCHES[name]).assert_searched(steps=400_000, pages=24_000)


def test_who_opened_a_link_is_searched(settled: Filled) -> None:
    """One look along the primary key."""
    settled.examine_work(partial(opens_of, token_id=token_id(1))).assert_searched(steps=1_000, pages=20)


def test_noting_a_look_costs_a_few_looks(settled: Filled, gate: Gate) -> None:
    """A forged token is one look into the tokens."""
    forged = f"{7:0>{TEXT_LENGTH}}"

    async def note(database: object) -> None:
        opens = LinkOpens(type(gate)(**{**vars(gate), "database": database}))
        await opens.note(Purpose.VERIFICATION, forged, Opener.PERSON, request_id="r")

    settled.examine(note).assert_searched(steps=1_000, pages=20)
