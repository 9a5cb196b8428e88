"""What is erased is nowhere any more, and goes when it is time."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, delete, select, update

from gatepost.accounts import deletion, erasing
from gatepost.accounts.deletion import delete_account, erase, erase_deleted, erase_unverified, prune_unproved_candidates
from gatepost.accounts.messages import To, address_change
from gatepost.accounts.operators import AccountAction, act_on_account
from gatepost.accounts.sessions import Current
from gatepost.accounts.tables import candidates
from gatepost.accounts.tokens import prune_tokens
from gatepost.audit.tables import audit
from gatepost.audit.trail import Signature
from gatepost.errors import SignInFailed
from gatepost.outbox.actions import Action
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.operate import act
from gatepost.outbox.prune import prune_no_account
from gatepost.outbox.tables import attempts, messages
from gatepost.suppression.reason import Reason
from gatepost.suppression.soft import note_soft
from tests.support.changes import AT_HOME, NEW_ADDRESS, Changes
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, PASSWORD, Flows
from tests.support.suppressing import keys_and_reasons, suppressed
from tests.support.traces import traces

KEPT_DAYS = 14
BO = "bo@example.com"


async def _erase(flows: Flows, account_id: uuid.UUID) -> int:
    return await flows.gate.database.write(lambda tx: erase(tx, [account_id]))


async def test_an_account_is_erased_with_everything_at_once(flows: Flows) -> None:
    """Whoever proves the address gets it in the same transaction, so nothing of the other account can be in the way."""
    await flows.register(key="a-key-of-a-client")
    await flows.register(name="Somebody else")
    account = (await flows.accounts())[0]
    assert await traces(flows.gate.database, ["mira", account["id"].bytes])
    assert 1 == await _erase(flows, account["id"])
    assert set() == await traces(flows.gate.database, ["mira", "somebody", account["id"].bytes])
    assert 0 == await _erase(flows, account["id"])


async def test_what_a_worker_has_in_hand_is_left_to_it(flows: Flows) -> None:
    """It settles the message as it would have; the account is gone all the same."""
    await flows.register()
    await flows.claim()
    assert 1 == await _erase(flows, (await flows.accounts())[0]["id"])
    assert {"sending"} == {row["state"] for row in await flows.rows(messages)}
    assert [] == await flows.accounts()


async def test_others_keep_their_messages_to_the_address(flows: Flows) -> None:
    """The link by which the address is being proved came with one of them."""
    gate = flows.gate
    owner = await flows.registered_and_verified(ADDRESS)
    await flows.register("bo@example.com", name="Bo")
    bo = next(row for row in await flows.accounts() if row["verified_at"] is None)
    to = To("bo@example.com", bo["address_key"], owner, None, "en", "request-9")
    await gate.database.write(
        lambda tx: enqueue(tx, address_change(to, b"t" * 16), now_ms=gate.clock.now_ms(), domain=gate.message_id_domain)
    )
    await _erase(flows, bo["id"])
    assert ["address_change"] == [
        row["template"] for row in await flows.rows(messages) if row["recipient_key"] == bo["address_key"]
    ]


async def _chores(flows: Flows, kept_days: int = KEPT_DAYS) -> tuple[int, int]:
    """How many deleted accounts, and how many that nobody proved, are erased."""
    gate = flows.gate
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> tuple[int, int]:
        deleted = erase_deleted(tx, now_ms, kept_days=kept_days, keys=gate.keys, hiding=gate.hiding)
        prune_unproved_candidates(tx, now_ms, kept_days=30)
        return deleted, erase_unverified(tx, now_ms, kept_days=30, keys=gate.keys, hiding=gate.hiding)

    return await gate.database.write(work)


async def _delete(flows: Flows, who: Current) -> None:
    await delete_account(flows.gate, who, current_password=PASSWORD, request_id="request-12", client=AT_HOME)


async def _deleted(flows: Flows) -> uuid.UUID:
    mira = await Changes(flows).registered()
    await _delete(flows, mira)
    return mira.account.id


async def _registered_bo(flows: Flows) -> None:
    await flows.register(BO, name="Bo")
    await flows.verify((await flows.deliver())["verification"])


async def _settle(flows: Flows, clock: MovableClock) -> None:
    """Let a server take all that waits, and some minutes pass."""
    await flows.deliver()
    clock.move(timedelta(minutes=2).total_seconds())


async def test_s118_a_deleted_account_is_erased_everywhere(flows: Flows, clock: MovableClock) -> None:
    """No column of any table holds address, name, id or anything made of them; that operators did something stays."""
    person, gate = Changes(flows), flows.gate
    await flows.request_reset(ADDRESS)  # before there was an account: its message stands under a keyed hash
    await flows.register(key="a-key-of-a-client")
    await flows.register(name="Mirabelle")
    verified = await flows.verify((await flows.deliver())["verification"], PASSWORD)
    account_id = (await flows.accounts())[0]["id"]
    assert verified
    await flows.register()  # the address is taken: told, and once more not
    await flows.register()
    await _registered_bo(flows)
    mira = await person.sign_in()
    await person.request(mira, BO)  # taken: nothing goes there
    confirm, _ = await person.requested(mira, NEW_ADDRESS)
    await person.confirm(confirm)
    await flows.register(NEW_ADDRESS)
    for email in (ADDRESS, NEW_ADDRESS):  # a failure is written about nobody, under a keyed hash
        with pytest.raises(SignInFailed):
            await flows.sign_in(email, "not the password")
    mira = await person.sign_in(NEW_ADDRESS)
    await flows.request_reset(NEW_ADDRESS)
    await flows.deliver()
    by = Signature(actor="admin token", reason="mira asked by phone")
    await act_on_account(gate, AccountAction.ENABLE, account_id, by)
    message = next(row for row in await flows.rows(messages) if row["template"] == "welcome")
    now_ms = clock.now_ms()
    await gate.database.write(lambda tx: act(tx, Action.RESEND, message["id"], by, now_ms).result)
    hers = select(messages.c.id).where(messages.c.account_id == account_id)
    words = update(attempts).where(attempts.c.message.in_(hers)).values(reply_text="550 <mira@example.com> unknown")
    await gate.database.write(lambda tx: tx.execute(words).rowcount)
    bo = await person.sign_in(BO)
    await person.request(bo, NEW_ADDRESS)  # what somebody else wanted to have written to the address
    await _delete(flows, mira)
    await _settle(flows, clock)
    needles: list[str | bytes] = ["mira", account_id.bytes, account_id.hex]
    for key in (ADDRESS, NEW_ADDRESS):
        needles += gate.keys.hidden_addresses(key)
    bos = [row for row in await flows.rows(messages) if row["recipient"] == BO and row["account_id"] != account_id]
    before = await traces(gate.database, needles)
    assert {
        "accounts.email",
        "messages.recipient",
        "attempts.reply_text",
        "audit.reason",
        "tokens.address_key",
    } < before
    assert (0, 0) == await _chores(flows)
    clock.move(timedelta(days=KEPT_DAYS).total_seconds())
    assert (1, 0) == await _chores(flows)
    assert set() == await traces(gate.database, gate.keys.hidden_addresses(NEW_ADDRESS))
    # Those of addresses it once had go after a week, as all of them do.
    await gate.database.write(lambda tx: [prune(tx, clock.now_ms()) for prune in (prune_no_account, prune_tokens)])
    assert {"audit.subject"} == await traces(gate.database, needles)
    assert [BO] == [row["email"] for row in await flows.accounts()]
    assert bos == await flows.rows(messages)


async def test_s118_whoever_is_erased_stays_suppressed_unread(flows: Flows, clock: MovableClock) -> None:
    """Of the address, and of one it had before that nobody has now, a keyed hash is left, which still stops mail.

    Somebody else's address that it once wanted stays readable: that is somebody else's suppression.
    """
    gate, person = flows.gate, Changes(flows)
    await _registered_bo(flows)
    mira = await person.registered()
    await person.request(mira, BO)
    confirm, _ = await person.requested(mira, NEW_ADDRESS)
    await person.confirm(confirm)
    mira = await person.sign_in(NEW_ADDRESS)
    for address in (ADDRESS, NEW_ADDRESS, BO):
        about = {"detail": f"550 <{address}> unknown", "hiding": gate.hiding, "now_ms": clock.now_ms()}
        await suppressed(gate.database, Reason.HARD_BOUNCE, address, **about)
        await gate.database.write(partial(note_soft, address_key=address, cause=b"c" * 16, now_ms=clock.now_ms()))
    await _delete(flows, mira)
    await _settle(flows, clock)
    clock.move(timedelta(days=KEPT_DAYS).total_seconds())
    assert (1, 0) == await _chores(flows)
    assert set() == await traces(gate.database, ["mira"], besides=["audit.subject"])
    hidden = {(gate.hiding.hide(one), "hard_bounce") for one in (ADDRESS, NEW_ADDRESS)}
    assert hidden | {(BO, "hard_bounce")} == await keys_and_reasons(gate.database)
    assert {"suppressions.address", "soft_bounces.address_key"} < await traces(gate.database, [BO])


async def test_s118_an_unproved_address_stays_suppressed_unread(flows: Flows, clock: MovableClock) -> None:
    """It is the commonest reason why nobody proved it."""
    gate = flows.gate
    await flows.register()
    await suppressed(gate.database, Reason.HARD_BOUNCE, ADDRESS, hiding=gate.hiding)
    await _settle(flows, clock)
    clock.move(timedelta(days=31).total_seconds())
    assert (0, 1) == await _chores(flows)
    assert set() == await traces(gate.database, ["mira"])
    assert {(gate.hiding.hide(ADDRESS), "hard_bounce")} == await keys_and_reasons(gate.database)


async def test_a_suppression_stays_with_who_takes_the_address_over(flows: Flows) -> None:
    """The address is somebody's from that transaction on."""
    gate = flows.gate
    await flows.register()
    await suppressed(gate.database, Reason.OPERATOR, ADDRESS, hiding=gate.hiding)
    assert 1 == await _erase(flows, (await flows.accounts())[0]["id"])
    assert {(ADDRESS, "operator")} == await keys_and_reasons(gate.database)


async def test_s118_not_a_day_before_its_time(flows: Flows, clock: MovableClock) -> None:
    """Until then a reset brings the account back, as the notice promised."""
    await _deleted(flows)
    await _settle(flows, clock)
    clock.move(timedelta(days=KEPT_DAYS, minutes=-10).total_seconds())
    assert (0, 0) == await _chores(flows)
    await flows.request_reset()
    await flows.reset((await flows.deliver())["password_reset"])
    clock.move(timedelta(days=1).total_seconds())
    assert (0, 0) == await _chores(flows)
    assert [ADDRESS] == [row["email"] for row in await flows.accounts()]


@pytest.mark.parametrize("in_hand", [False, True], ids=["waiting", "in flight"])
async def test_an_account_stays_until_its_last_message_is_over(
    flows: Flows, clock: MovableClock, in_hand: bool
) -> None:
    """Where nothing is kept at all, the notice still goes out first."""
    await _deleted(flows)
    if in_hand:
        await flows.claim()
    assert (0, 0) == await _chores(flows, kept_days=0)
    assert 1 == len(await flows.accounts())
    if in_hand:
        await flows.gate.database.write(
            lambda tx: tx.execute(update(messages).values(state="queued", owner=None, due_at=0)).rowcount
        )
    assert ["account_deleted"] == [one.template for one, _ in await flows.deliver_each()]
    assert (1, 0) == await _chores(flows, kept_days=0)
    assert ([], []) == (await flows.accounts(), await flows.rows(messages))


async def test_what_a_stranger_caused_goes_piece_by_piece(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows there are, one transaction deletes only so many of a kind; the account goes with the last."""
    await _deleted(flows)
    for _ in range(4):
        await flows.register()
    await _settle(flows, clock)
    clock.move(timedelta(days=KEPT_DAYS).total_seconds())
    monkeypatch.setattr(erasing, "ROWS_AT_ONCE", 3)
    rounds = []
    while not rounds or rounds[-1] == (0, 0):
        rounds.append(await _chores(flows))
        assert len(rounds) < 20
    assert len(rounds) > 2
    assert set() == await traces(flows.gate.database, ["mira"])


async def test_s80_an_address_nobody_proved_goes_with_everything(flows: Flows, clock: MovableClock) -> None:
    """Thirty days after the registration, with its candidates, tokens and messages; one that was proved stays."""
    await _registered_bo(flows)
    await flows.register()
    await flows.deliver()
    clock.move(timedelta(days=30, minutes=-1).total_seconds())
    assert (0, 0) == await _chores(flows)
    clock.move(timedelta(minutes=2).total_seconds())
    assert (0, 1) == await _chores(flows)
    assert set() == await traces(flows.gate.database, ["mira"])
    assert [BO] == [row["email"] for row in await flows.accounts()]


async def test_s80_an_account_without_a_registration_is_as_old_as_it_says(flows: Flows, clock: MovableClock) -> None:
    """Nothing else than its age says that it may go."""
    await flows.register()
    await flows.deliver()
    await flows.gate.database.write(lambda tx: tx.execute(delete(candidates)).rowcount)
    clock.move(timedelta(days=30, minutes=-1).total_seconds())
    assert (0, 0) == await _chores(flows)
    clock.move(timedelta(minutes=2).total_seconds())
    assert (0, 1) == await _chores(flows)


async def test_s80_a_registration_counts_from_the_last_one(flows: Flows, clock: MovableClock) -> None:
    """Whoever registers again on the 29th day has another thirty; the first registration goes all the same."""
    await flows.register()
    await flows.deliver()
    clock.move(timedelta(days=29).total_seconds())
    await flows.register(name="Mirabelle")
    await flows.deliver()
    clock.move(timedelta(days=2).total_seconds())
    assert (0, 0) == await _chores(flows)
    assert ["Mirabelle"] == [row["name"] for row in await flows.candidates()]
    clock.move(timedelta(days=29).total_seconds())
    assert (0, 1) == await _chores(flows)
    assert set() == await traces(flows.gate.database, ["mira"])


async def test_those_who_began_anew_do_not_stand_before_the_others(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch looks at the oldest: an account that is kept alive by new registrations leaves that place."""
    monkeypatch.setattr("gatepost.accounts.deletion._UNVERIFIED", deletion._UNVERIFIED.limit(1))
    for email in (ADDRESS, BO):
        await flows.register(email)
    await flows.deliver()
    clock.move(timedelta(days=20).total_seconds())
    await flows.register()
    await flows.deliver()
    clock.move(timedelta(days=11).total_seconds())
    assert [(0, 0), (0, 1), (0, 0)] == [await _chores(flows) for _ in range(3)]
    assert [ADDRESS] == [row["email"] for row in await flows.accounts()]


async def test_that_an_operator_did_something_stays(flows: Flows, clock: MovableClock) -> None:
    """Who, what and when; no longer why, because that may name the person."""
    account_id = await _deleted(flows)
    by = Signature(actor="admin token", reason="mira asked by phone", request_id="request-8")
    await act_on_account(flows.gate, AccountAction.DISABLE, account_id, by)
    await _settle(flows, clock)
    clock.move(timedelta(days=KEPT_DAYS).total_seconds())
    assert (1, 0) == await _chores(flows)

    def query(connection: Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.execute(audit.select().with_only_columns(*_DEED))]

    assert [("admin token", "disable", None, "request-8")] == await flows.gate.database.read(query)


_DEED = (audit.c.actor, audit.c.action, audit.c.reason, audit.c.request_id)
