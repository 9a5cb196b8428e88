"""Idempotency-Key: a repeated registration gets its first answer, and is carried out once."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from gatepost.accounts import idempotency, passwords
from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate
from gatepost.accounts.idempotency import KEPT_S, prune_idempotency_keys
from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import accounts
from gatepost.database.opening import open_database
from gatepost.errors import AddressTaken, HashingBusy, IdempotencyKeyReused, InvalidInput
from gatepost.events import Event, RegistrationReceived
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, PASSWORD, Flows

KEY = "7d1f3c52-5c3f-4c5e-9c43-6a2f0a3f8a55"
OLD_SECRET, NEW_SECRET = "the secret that signed at first, 32+", "the secret that signs from now on, 32+"


async def everything(flows: Flows) -> list[list[dict[str, Any]]]:
    """All rows a registration writes, in a fixed order."""
    tables = [await flows.accounts(), await flows.candidates(), await flows.tokens(), await flows.rows(messages)]
    tables.append(await flows.idempotency_keys())
    return [sorted(rows, key=lambda row: repr(sorted(row.items()))) for rows in tables]


def under(gate: Gate, *secrets: str) -> Flows:
    """The flows with other secret keys."""
    return Flows(replace(gate, keys=Keys(secrets)))


async def test_a_repeat_writes_nothing(flows: Flows, heard: list[Event]) -> None:
    """Same key and same body: no row is added or changed, and the repeat is told as such."""
    assert None is await flows.register(key=KEY)
    before = await everything(flows)
    assert None is await flows.register(key=KEY)
    assert before == await everything(flows)
    told = [event for event in heard if isinstance(event, RegistrationReceived)]
    assert [("created", 2), ("repeated", 0)] == [(one.outcome, len(one.messages)) for one in told]
    assert [told[0].account_id, "m***@example.com"] == [told[1].account_id, told[1].recipient]


async def test_a_repeat_hashes_nothing(flows: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry storm costs a read each: where no password can be hashed at all, it still gets its answer."""
    await flows.register(key=KEY)
    monkeypatch.setattr(passwords, "MAX_WAITING", 0)
    assert [None] * 50 == await asyncio.gather(*(flows.register(key=KEY) for _ in range(50)))
    with pytest.raises(HashingBusy):
        await flows.register(key="another key")


async def test_without_a_key_a_repeat_is_another_registration(flows: Flows) -> None:
    """The key is what makes two requests one."""
    await flows.register()
    await flows.register()
    assert ([], 2) == (await flows.idempotency_keys(), len(await flows.candidates()))


@pytest.mark.parametrize(
    "other",
    [
        {"email": "other@example.com"},
        {"email": ADDRESS.upper()},
        {"email": f"{ADDRESS} "},
        {"password": PASSWORD + " "},
        {"name": "mira"},
        {"name": None},
        {"name": ""},
        {"locale": "en"},
        {"locale": ""},
    ],
)
async def test_another_body_with_the_same_key_is_refused(flows: Flows, other: dict[str, Any]) -> None:
    """What was received counts, to the letter, and None is not empty; nothing is written."""
    await flows.register(key=KEY)
    before = await everything(flows)
    with pytest.raises(IdempotencyKeyReused):
        await flows.register(**other, key=KEY)
    assert before == await everything(flows)


async def test_the_preferred_language_is_no_part_of_the_body(revealing: Flows) -> None:
    """It stands beside what was asked: a repeat from elsewhere gets the first answer, in the first one's language."""
    first = await revealing.register(key=KEY, preferred="zh-CN")
    assert isinstance(first, Account)
    assert ("zh-CN", first) == (first.locale, await revealing.register(key=KEY, preferred="de"))


@pytest.mark.parametrize(
    ("first", "shifted"), [(("Mira", "en"), ("Mirae", "n")), (("Mira\1en", None), ("Mira", "en\0"))]
)
async def test_parts_of_a_body_cannot_be_shifted(
    flows: Flows, first: tuple[str, str | None], shifted: tuple[str, str | None]
) -> None:
    """Name and locale that read the same when put together, also with marks of our own in them, are another body."""
    await flows.register(name=first[0], locale=first[1], key=KEY)
    with pytest.raises(IdempotencyKeyReused):
        await flows.register(name=shifted[0], locale=shifted[1], key=KEY)


async def test_half_a_character_is_no_bug(flows: Flows) -> None:
    """What no encoding can hold is refused as input, with a key as well as without one."""
    with pytest.raises(InvalidInput):
        await flows.register(password="half a character \ud800", key=KEY)


async def test_of_many_at_once_one_is_carried_out(flows: Flows) -> None:
    """Twenty clients, or one in a hurry: one registration counted, one verification mail, one answer for all."""
    assert [None] * 20 == await asyncio.gather(*(flows.register(key=KEY) for _ in range(20)))
    (account,) = await flows.accounts()
    assert (1, 1, 1) == (account["registrations"], len(await flows.candidates()), len(await flows.idempotency_keys()))
    assert [("verification", "queued", None), ("welcome", "queued", None)] == await flows.outbox()


async def test_of_many_bodies_at_once_one_gets_the_key(flows: Flows) -> None:
    """The others are refused, and leave nothing."""
    addresses = [f"{number}@example.com" for number in range(20)]
    answers = await asyncio.gather(*(flows.register(one, key=KEY) for one in addresses), return_exceptions=True)
    assert Counter({IdempotencyKeyReused: 19, type(None): 1}) == Counter(type(one) for one in answers)
    winner = addresses[answers.index(None)]
    assert [winner] == [account["email"] for account in await flows.accounts()]


async def test_many_at_once_get_the_same_account(revealing: Flows) -> None:
    """Where accounts may be revealed nobody is told that the address is taken, by whom but the same request."""
    answers = await asyncio.gather(*(revealing.register(key=KEY) for _ in range(20)))
    assert [answers[0]] * 20 == answers
    assert isinstance(answers[0], Account)


async def test_bad_input_is_not_kept(flows: Flows) -> None:
    """After a 422 the same key comes with a corrected body."""
    with pytest.raises(InvalidInput):
        await flows.register(password="short", key=KEY)
    assert [] == await flows.idempotency_keys()
    await flows.register(key=KEY)
    assert 1 == len(await flows.accounts())


async def test_a_busy_moment_is_not_kept(flows: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 503 the same key counts as new."""
    with monkeypatch.context() as busy:
        busy.setattr(passwords, "MAX_WAITING", 0)
        with pytest.raises(HashingBusy):
            await flows.register(key=KEY)
    assert [] == await flows.idempotency_keys()
    await flows.register("other@example.com", key=KEY)
    assert 1 == len(await flows.accounts())


async def test_a_taken_address_is_not_kept(flows: Flows, revealing: Flows) -> None:
    """After a 409 `address_taken` the same key comes with another address: the key goes with its transaction."""
    await flows.register()
    with pytest.raises(AddressTaken):
        await revealing.register(key=KEY)
    assert [] == await flows.idempotency_keys()
    assert isinstance(await revealing.register("other@example.com", key=KEY), Account)


async def test_a_key_counts_for_a_day(flows: Flows, clock: MovableClock) -> None:
    """Not a second longer, although its row is still there: then another body may come with it, and is kept."""
    await flows.register(key=KEY)
    (first,) = await flows.idempotency_keys()
    clock.move(KEPT_S - 1)
    await flows.register(key=KEY)
    with pytest.raises(IdempotencyKeyReused):
        await flows.register("other@example.com", key=KEY)
    clock.move(1)
    await flows.register("other@example.com", key=KEY)
    assert {ADDRESS, "other@example.com"} == {account["email"] for account in await flows.accounts()}
    (second,) = await flows.idempotency_keys()
    assert first["created_at"] < second["created_at"]
    assert first["account_id"] != second["account_id"]
    await flows.register("other@example.com", key=KEY)
    with pytest.raises(IdempotencyKeyReused):
        await flows.register(key=KEY)


async def test_an_old_key_is_new_to_one_of_many_at_once(flows: Flows, clock: MovableClock) -> None:
    """Whose row is too old and not deleted yet: again one is carried out."""
    await flows.register(key=KEY)
    clock.move(KEPT_S)
    await asyncio.gather(*(flows.register(key=KEY) for _ in range(20)))
    (account,) = await flows.accounts()
    assert (2, 2) == (account["registrations"], len(await flows.candidates()))


async def test_a_key_holds_over_a_restart(gate: Gate, database_url: str) -> None:
    """It is in the database, and in nothing else."""
    await Flows(gate).register(key=KEY)
    await gate.database.close()
    again = await open_database(database_url, wait_for_owner_s=0)
    try:
        flows = Flows(replace(gate, database=again))
        await flows.register(key=KEY)
        with pytest.raises(IdempotencyKeyReused):
            await flows.register("other@example.com", key=KEY)
        assert [1] == [account["registrations"] for account in await flows.accounts()]
    finally:
        await again.close()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # a SQLite file has one owner
async def test_of_many_at_once_in_two_processes_one_is_carried_out(gate: Gate, database_url: str) -> None:
    """Nothing but the database knows of both; all get the same account."""
    other = await open_database(database_url, wait_for_owner_s=0)
    try:
        both = [Flows(replace(gate, database=one, reveal_accounts=True)) for one in (gate.database, other)]
        answers = await asyncio.gather(*(flows.register(key=KEY) for flows in both * 10))
    finally:
        await other.close()
    assert [answers[0]] * 20 == answers
    assert [1] == [account["registrations"] for account in await both[0].accounts()]


async def test_a_retired_secret_still_recognises_a_repeat(gate: Gate) -> None:
    """A secret rotated in signs new keys; what the old one signed holds while it stays in the list."""
    await under(gate, OLD_SECRET).register(key=KEY)
    rotated = under(gate, NEW_SECRET, OLD_SECRET)
    await rotated.register(key=KEY)
    with pytest.raises(IdempotencyKeyReused):
        await rotated.register("other@example.com", key=KEY)
    await rotated.register("other@example.com", key="another key")
    signed = {row["key_id"] for row in await rotated.idempotency_keys()}
    assert {Keys([OLD_SECRET]).signing_id, Keys([NEW_SECRET]).signing_id} == signed
    assert [1, 1] == [account["registrations"] for account in await rotated.accounts()]


async def test_without_its_secret_nothing_is_done_twice(gate: Gate) -> None:
    """Nobody can tell whether the body is the same; refusing is the smaller mistake."""
    await under(gate, OLD_SECRET).register(key=KEY)
    replaced = under(gate, NEW_SECRET)
    with pytest.raises(IdempotencyKeyReused):
        await replaced.register(key=KEY)
    assert [1] == [account["registrations"] for account in await replaced.accounts()]


async def test_the_account_comes_back_as_it_was(revealing: Flows) -> None:
    """Verified and without its name by now, it is answered as the first time."""
    first = await revealing.register(key=KEY)
    assert isinstance(first, Account)
    private = Flows(replace(revealing.gate, reveal_accounts=False))
    await private.register(name="Somebody Else")
    await private.verify((await private.deliver())["verification"], "a password of my own")
    (now,) = await private.accounts()
    assert (None, False) == (now["name"], now["verified_at"] is None)
    assert first == await revealing.register(key=KEY)


async def test_the_first_answer_stays_when_the_setting_changes(flows: Flows, revealing: Flows) -> None:
    """What was not said is not said later, and what was said is said again to whoever asked it with all its words."""
    assert None is await flows.register(key=KEY)
    assert None is await revealing.register(key=KEY)
    shown = await revealing.register("other@example.com", key="another key")
    assert shown == await flows.register("other@example.com", key="another key")


async def test_every_branch_keeps_the_same_of_a_key(flows: Flows) -> None:
    """New, waiting and taken: the same number of rows, with the same columns filled."""
    await flows.registered_and_verified("taken@example.com")
    await flows.register("waiting@example.com")

    async def growth(email: str) -> tuple[list[int], list[str]]:
        before = [len(rows) for rows in await everything(flows)]
        await flows.register(email, key=f"key for {email}")
        after = [len(rows) for rows in await everything(flows)]
        kept = (await flows.idempotency_keys())[-1]
        return [b - a for a, b in zip(before, after, strict=True)], [name for name in kept if kept[name] is not None]

    columns = ["key_digest", "key_id", "body_mac", "account_id", "created_at"]
    assert ([1, 1, 1, 2, 1], columns) == await growth("new@example.com")
    assert [([0, 1, 1, 2, 1], columns)] * 2 == [
        await growth("waiting@example.com"),
        await growth("taken@example.com"),
    ]


async def test_a_row_tells_nothing_without_the_secret(flows: Flows) -> None:
    """Neither key, address nor password is in it, and two keys with one body have nothing in common."""
    await flows.register(key=KEY)
    await flows.register(key="another key")
    kept = await flows.idempotency_keys()
    assert not any(word in repr(kept) for word in (KEY, ADDRESS, PASSWORD, "Mira"))
    assert 2 == len({row["body_mac"] for row in kept})


async def test_what_is_kept_of_an_answer_is_the_answer(revealing: Flows) -> None:
    """The account as it was shown, and nothing more."""
    account = await revealing.register(key=KEY)
    assert account is not None
    (kept,) = await revealing.idempotency_keys()
    assert {**vars(account), "id": account.id.hex} == json.loads(kept["answer"])


async def test_with_the_account_goes_what_was_said_about_it(revealing: Flows) -> None:
    """The row holds a name and an address; it does not stay behind."""
    await revealing.register(key=KEY)
    await revealing.gate.database.write(lambda tx: tx.execute(delete(accounts)).rowcount)
    assert [] == await revealing.idempotency_keys()


async def test_old_keys_are_deleted_in_bounded_batches(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, one transaction deletes only so many, and none that still counts."""

    async def prune() -> int:
        now_ms = clock.now_ms()
        return await flows.gate.database.write(lambda tx: prune_idempotency_keys(tx, now_ms))

    for number in range(3):
        await flows.register(key=f"old {number}")
    clock.move(KEPT_S - 60)
    await flows.register(key="young")
    assert 0 == await prune()
    clock.move(120)
    monkeypatch.setattr(idempotency, "PRUNE_BATCH", 2)
    assert [2, 1, 0] == [await prune(), await prune(), await prune()]
    await flows.register(key="young")
    assert (1, 4) == (len(await flows.idempotency_keys()), len(await flows.candidates()))
