"""Guesses at one address run out; from where its owner signed in before the password goes on to count."""

import pytest
from sqlalchemy import Connection

from gatepost.accounts import known_clients as module
from gatepost.accounts.client import client_at
from gatepost.accounts.keys import Keys
from gatepost.accounts.known_clients import KEPT_S, is_known, prune_known_clients, remember
from gatepost.accounts.tables import known_clients
from gatepost.errors import SignInFailed
from gatepost.events import Event, SignedIn
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows
from tests.support.places import HOME, SOMEWHERE, elsewhere, use_up_guesses

DAY_S = 24 * 3600


async def test_s77_without_guesses_the_owner_gets_in_from_where_she_was_before(flows: Flows) -> None:
    """A stranger who tries a hundred passwords shuts nobody out of her own places, and nobody is told of it."""
    await flows.registered_and_verified()
    await flows.sign_in(client=HOME)
    await use_up_guesses(flows, ADDRESS)
    with pytest.raises(SignInFailed):
        await flows.sign_in(client=SOMEWHERE)
    await flows.sign_in(client=HOME)


async def test_s74_a_right_password_from_a_stranger_does_not_count_without_guesses(flows: Flows) -> None:
    """However many he tries from however many places: a hundred at most, and one more in a quarter of an hour."""
    await flows.registered_and_verified()
    await use_up_guesses(flows, ADDRESS)
    for number in range(200, 205):
        with pytest.raises(SignInFailed):
            await flows.sign_in(client=elsewhere(number))
    assert [] == await flows.sessions()


async def test_guesses_come_back(flows: Flows, clock: MovableClock) -> None:
    """One in a quarter of an hour."""
    await flows.registered_and_verified()
    await use_up_guesses(flows, ADDRESS)
    clock.move(15 * 60)
    await flows.sign_in(client=SOMEWHERE)


async def test_who_signs_in_has_all_guesses_again(flows: Flows) -> None:
    """The owner was there; what strangers tried before counts no more."""
    await flows.registered_and_verified()
    await flows.sign_in(client=HOME)
    await use_up_guesses(flows, ADDRESS)
    await flows.sign_in(client=HOME)
    await flows.sign_in(client=SOMEWHERE)


async def test_s77_a_reset_gives_the_guesses_back_and_makes_the_place_known(flows: Flows) -> None:
    """The way in for an owner who is somewhere else while strangers guess."""
    await flows.registered_and_verified()
    await use_up_guesses(flows, ADDRESS)
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    await flows.reset(token, client=HOME)
    await flows.sign_in(password="another good password", client=SOMEWHERE)
    await use_up_guesses(flows, ADDRESS)
    await flows.sign_in(password="another good password", client=HOME)


async def test_the_log_says_whether_a_place_was_known(flows: Flows, heard: list[Event], clock: MovableClock) -> None:
    """For ninety days from the last time."""
    await flows.registered_and_verified()
    for seconds in (0, KEPT_S - 60, KEPT_S + 60):
        clock.move(seconds)
        await flows.sign_in(client=HOME)
    assert [False, True, False] == [event.known_client for event in heard if isinstance(event, SignedIn)]
    assert 1 == len(await _rows(flows))


async def test_a_place_is_known_for_one_account_alone(flows: Flows, heard: list[Event]) -> None:
    """Whoever shares an address with somebody is not her."""
    await flows.registered_and_verified()
    await flows.registered_and_verified("ada@example.com")
    await flows.sign_in(client=HOME)
    await flows.sign_in("ada@example.com", client=HOME)
    assert [False, False] == [event.known_client for event in heard if isinstance(event, SignedIn)]


async def test_who_comes_from_nowhere_is_never_known(flows: Flows, heard: list[Event]) -> None:
    """Behind a socket without addresses all strangers would be known with the first owner."""
    await flows.registered_and_verified()
    for _ in range(2):
        await flows.sign_in(client=client_at(None))
        await flows.sign_in()
    assert {False} == {event.known_client for event in heard if isinstance(event, SignedIn)}
    assert [] == await _rows(flows)


async def test_a_failure_makes_no_place_known(flows: Flows) -> None:
    """Or a stranger would open the way by guessing once."""
    await flows.registered_and_verified()
    with pytest.raises(SignInFailed):
        await flows.sign_in(password="a password nobody chose", client=SOMEWHERE)
    assert [] == await _rows(flows)


async def test_a_place_stays_known_when_the_key_is_rotated(flows: Flows) -> None:
    """While the retired secret is kept; of the place itself only a keyed hash is stored."""
    old, new = "the secret of last year, long enough", "the secret of this year, long enough"
    account_id = await flows.registered_and_verified()
    write, now_ms = flows.gate.database.write, flows.gate.clock.now_ms()
    await write(lambda tx: remember(tx, Keys([old]), account_id, HOME, now_ms))
    read = flows.gate.database.read
    assert await read(lambda connection: is_known(connection, Keys([new, old]), account_id, HOME, now_ms))
    assert not await read(lambda connection: is_known(connection, Keys([new]), account_id, HOME, now_ms))
    (row,) = await _rows(flows)
    assert 16 == len(row["client"])
    assert HOME.prefix.encode() not in row["client"]


async def test_places_nobody_came_from_are_forgotten(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ninety days, in bounded batches."""
    await flows.registered_and_verified()
    for number in range(3):
        await flows.sign_in(client=elsewhere(number))
    clock.move(80 * DAY_S)
    await flows.sign_in(client=elsewhere(0))
    monkeypatch.setattr(module, "PRUNE_BATCH", 1)
    assert 0 == await _prune(flows)
    clock.move(11 * DAY_S)
    assert [1, 1, 0] == [await _prune(flows) for _ in range(3)]
    assert 1 == len(await _rows(flows))


async def _prune(flows: Flows) -> int:
    now_ms = flows.gate.clock.now_ms()
    return await flows.gate.database.write(lambda tx: prune_known_clients(tx, now_ms))


async def _rows(flows: Flows) -> list[dict[str, object]]:
    def query(connection: Connection) -> list[dict[str, object]]:
        return [dict(row) for row in connection.execute(known_clients.select()).mappings()]

    return await flows.gate.database.read(query)
