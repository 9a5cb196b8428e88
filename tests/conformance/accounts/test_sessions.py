"""Sessions: 256 random bits of which only the SHA-256 is kept; idle, old, ended or of nobody, they are nothing."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gatepost.accounts import sessions as module
from gatepost.accounts.client import client_at
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import end_all, end_session, list_sessions, prune_sessions
from gatepost.accounts.tables import accounts
from gatepost.database.connection import Database
from gatepost.errors import DatabaseUnavailable, NoSuchSession, NotSignedIn
from gatepost.events import Event, SignedOut
from tests.support.clock import MovableClock
from tests.support.flows import Flows

IDLE_S, LIFETIME_S = 7 * 24 * 3600, 30 * 24 * 3600


class ReadOnly:
    """A database that lets itself be read and cannot be written to, as on a full disk."""

    def __init__(self, database: Database) -> None:
        self.read = database.read
        self.writes = 0

    async def write(self, work: Callable[[Any], Any]) -> Any:
        self.writes += 1
        raise DatabaseUnavailable("the disk is full")


async def test_a_session_is_found_by_its_token(flows: Flows) -> None:
    """With the account as its owner may see it."""
    account_id = await flows.registered_and_verified()
    entered = await flows.sign_in()
    current = await flows.find(entered.token)
    assert (account_id, entered.session.id) == (current.account.id, current.session_id)
    assert entered.account == current.account


async def test_s47_a_token_has_256_random_bits_and_only_its_sha_256_is_kept(
    flows: Flows, database_kind: str, tmp_path: Path
) -> None:
    """No file of the database holds what its owner was given; the digest stands there, so the search can find."""
    await flows.registered_and_verified()
    tokens = [(await flows.sign_in()).token for _ in range(3)]
    assert 3 == len(set(tokens))
    assert {43} == {len(token) for token in tokens}  # base64url of 32 bytes
    digests = {hashlib.sha256(token.encode()).digest() for token in tokens}
    assert digests == {row["digest"] for row in await flows.sessions()}
    kept = repr(await flows.sessions()).encode()
    if database_kind == "sqlite":
        kept = _bytes_in(tmp_path)
        assert all(digest in kept for digest in digests)
    assert not any(token.encode() in kept for token in tokens)


@pytest.mark.parametrize("token", [None, 7, "", "x" * 43, "x" * 42, "ä" * 43, "\udc80" * 43, b"x" * 43, ["x"]])
async def test_what_is_no_session_signs_nobody_in(flows: Flows, token: object) -> None:
    """Whatever it is, the answer is the same; and signing out with it does nothing."""
    await flows.registered_and_verified()
    entered = await flows.sign_in()
    with pytest.raises(NotSignedIn):
        await flows.find(token)
    await flows.sign_out(token)
    await flows.find(entered.token)


async def test_s49_a_session_that_was_signed_out_is_none(flows: Flows, heard: list[Event]) -> None:
    """Its row is gone: the token that a thief kept opens nothing, and the other sessions stay."""
    account_id = await flows.registered_and_verified()
    one, other = await flows.sign_in(), await flows.sign_in()
    await flows.sign_out(one.token)
    with pytest.raises(NotSignedIn):
        await flows.find(one.token)
    assert [other.session.id] == [row["id"] for row in await flows.sessions()]
    await flows.sign_out(one.token)  # a second click
    told = [event for event in heard if isinstance(event, SignedOut)]
    assert [SignedOut(request_id="request-7", account_id=str(account_id), reason="signed_out", count=1)] == told


@pytest.mark.parametrize("column", ["disabled_at", "deleted_at"])
async def test_s49_nobody_is_signed_in_to_a_disabled_or_deleted_account(flows: Flows, column: str) -> None:
    """Even where its sessions have rows still: the account is read with each request."""
    await flows.registered_and_verified()
    entered = await flows.sign_in()
    await flows.gate.database.write(lambda tx: tx.execute(update(accounts).values({column: 1})).rowcount)
    with pytest.raises(NotSignedIn):
        await flows.find(entered.token)


async def test_s50_a_session_ends_when_it_is_idle(flows: Flows, clock: MovableClock) -> None:
    """Seven days without a request end it; a request before that begins them anew."""
    await flows.registered_and_verified()
    token = (await flows.sign_in()).token
    for _ in range(3):
        clock.move(IDLE_S - 60)
        await flows.find(token)
    clock.move(IDLE_S + 1)
    with pytest.raises(NotSignedIn):
        await flows.find(token)


async def test_s50_a_session_ends_at_its_age(flows: Flows, clock: MovableClock) -> None:
    """However busy it is."""
    await flows.registered_and_verified()
    token = (await flows.sign_in()).token
    for _ in range(30):
        clock.move(LIFETIME_S / 30 - 1)
        await flows.find(token)
    clock.move(31)
    with pytest.raises(NotSignedIn):
        await flows.find(token)


async def test_a_clock_set_back_ends_no_session(flows: Flows, clock: MovableClock) -> None:
    """Nor does it make one older than it is."""
    await flows.registered_and_verified()
    token = (await flows.sign_in()).token
    clock.set(-3600)
    await flows.find(token)
    assert (await flows.sessions())[0]["seen_at"] > clock.now_ms()


@pytest.mark.parametrize(("idle_s", "apart_s"), [(IDLE_S, 300), (600, 60)])
async def test_when_a_session_was_used_is_written_seldom(
    flows: Flows, clock: MovableClock, idle_s: int, apart_s: int
) -> None:
    """Every five minutes, or every tenth of the idle time if that is less: most requests write nothing."""
    await flows.registered_and_verified()
    idling = Flows(replace(flows.gate, session_idle_s=idle_s))
    entered = await idling.sign_in()
    clock.move(apart_s - 5)
    await idling.find(entered.token)
    assert entered.session.seen_at == (await flows.sessions())[0]["seen_at"]
    clock.move(10)
    await idling.find(entered.token)
    assert entered.session.seen_at + apart_s * 1000 <= (await flows.sessions())[0]["seen_at"]


async def test_a_database_that_takes_no_writes_signs_nobody_out(flows: Flows, clock: MovableClock) -> None:
    """When the session was used cannot be written, and the request goes on."""
    await flows.registered_and_verified()
    token = (await flows.sign_in()).token
    full = ReadOnly(flows.gate.database)
    clock.move(3600)
    current = await Flows(replace(flows.gate, database=full)).find(token)
    assert (1, "mira@example.com") == (full.writes, current.account.email)


async def test_a_list_shows_what_has_not_ended_the_one_used_last_first(flows: Flows, clock: MovableClock) -> None:
    """Where each was begun and with what; nothing of a token."""
    await flows.registered_and_verified()
    await flows.sign_in()  # will be idle
    clock.move(IDLE_S - 3600)
    home = await flows.sign_in(client=client_at(None, "curl/8"))
    away = await flows.sign_in()
    clock.move(7200)
    await flows.find(home.token)
    clock.move(301)
    listed = await list_sessions(flows.gate, await flows.find(away.token))
    assert [away.session.id, home.session.id] == [session.id for session in listed]
    assert ("curl/8", None) == next((one.agent, one.network) for one in listed if one.id == home.session.id)
    assert {"id", "created_at", "seen_at", "expires_at", "network", "agent"} == set(vars(listed[0]))


async def test_s52_an_owner_ends_one_session(flows: Flows, heard: list[Event]) -> None:
    """That one alone, and at once."""
    await flows.registered_and_verified()
    here, lost = await flows.sign_in(), await flows.sign_in()
    current = await flows.find(here.token)
    await end_session(flows.gate, current, lost.session.id, request_id="request-8")
    with pytest.raises(NotSignedIn):
        await flows.find(lost.token)
    await flows.find(here.token)
    assert ["ended"] == [event.reason for event in heard if isinstance(event, SignedOut)]
    with pytest.raises(NoSuchSession):
        await end_session(flows.gate, current, lost.session.id, request_id="request-9")


async def test_nobody_ends_the_session_of_another_account(flows: Flows) -> None:
    """Its id is no secret; to everybody else it does not exist."""
    await flows.registered_and_verified()
    await flows.registered_and_verified("ada@example.com")
    mine, theirs = await flows.sign_in(), await flows.sign_in("ada@example.com")
    current = await flows.find(mine.token)
    for session_id in (theirs.session.id, uuid.uuid4()):
        with pytest.raises(NoSuchSession):
            await end_session(flows.gate, current, session_id, request_id="request-8")
    await flows.find(theirs.token)


async def test_all_sessions_of_an_account_end_but_the_one_that_is_spared(flows: Flows) -> None:
    """Those of others are left alone."""
    account_id = await flows.registered_and_verified()
    await flows.registered_and_verified("ada@example.com")
    one, _, _ = [await flows.sign_in() for _ in range(3)]
    other = await flows.sign_in("ada@example.com")
    write = flows.gate.database.write
    assert 2 == await write(lambda tx: end_all(tx, account_id, spare=one.session.id))
    await flows.find(one.token)
    assert 1 == await write(lambda tx: end_all(tx, account_id))
    with pytest.raises(NotSignedIn):
        await flows.find(one.token)
    await flows.find(other.token)


async def test_s48_a_reset_ends_every_session(flows: Flows, heard: list[Event]) -> None:
    """Whoever was signed in with the old password is signed in no more."""
    await flows.registered_and_verified()
    tokens = [(await flows.sign_in()).token for _ in range(2)]
    await flows.request_reset()
    await flows.reset((await flows.deliver())["password_reset"])
    for token in tokens:
        with pytest.raises(NotSignedIn):
            await flows.find(token)
    assert [("password_reset", 2)] == [(event.reason, event.count) for event in heard if isinstance(event, SignedOut)]


async def test_the_sessions_of_one_account_are_bounded(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that signs in for every call ends its own oldest sessions, and nobody else's."""
    assert 100 == module.MAX_SESSIONS
    await flows.registered_and_verified()
    await flows.registered_and_verified("ada@example.com")
    other = await flows.sign_in("ada@example.com")
    tokens = []
    for _ in range(module.MAX_SESSIONS + 2):
        clock.move(1)
        tokens.append((await flows.sign_in()).token)
    assert module.MAX_SESSIONS + 1 == len(await flows.sessions())
    for ended in tokens[:2]:
        with pytest.raises(NotSignedIn):
            await flows.find(ended)
    await flows.find(tokens[2])
    await flows.find(other.token)


async def test_sessions_that_are_over_are_deleted(flows: Flows, clock: MovableClock) -> None:
    """Not a second earlier."""
    await flows.registered_and_verified()
    await flows.sign_in()
    write = flows.gate.database.write
    clock.move(LIFETIME_S - 1)
    assert 0 == await write(lambda tx: prune_sessions(tx, clock.now_ms()))
    clock.move(2)
    assert 1 == await write(lambda tx: prune_sessions(tx, clock.now_ms()))
    assert [] == await flows.sessions()


async def test_a_batch_of_sessions_is_bounded(
    flows: Flows, gate: Gate, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are over, one transaction deletes only so many."""
    await flows.registered_and_verified()
    for _ in range(3):
        await flows.sign_in()
    clock.move(LIFETIME_S + 1)
    monkeypatch.setattr(module, "PRUNE_BATCH", 2)
    pruned = [await gate.database.write(lambda tx: prune_sessions(tx, clock.now_ms())) for _ in range(3)]
    assert [2, 1, 0] == pruned


def _bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("gatepost.db*"))
