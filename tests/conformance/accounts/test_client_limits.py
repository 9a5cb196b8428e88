"""Who asks too often is told to wait: as a client or a session, never because of an address."""

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import ALLOWANCES, GUESSES, Act, admit, admit_session, admit_sign_in, forget_guesses
from gatepost.accounts.tables import limits
from gatepost.accounts.tokens import TEXT_LENGTH
from gatepost.errors import BadToken, InvalidInput, RateLimited, SignInFailed
from gatepost.events import Event, RequestLimited, SignUpsUnusual
from tests.support.clock import MovableClock, StillClock
from tests.support.crowd import client_number, neighbour
from tests.support.flows import ADDRESS, Flows

ONE = client_number(1)
R = "request"
Ask = Callable[[int], Awaitable[object]]


@pytest.fixture
def clock() -> StillClock:
    """Time passes when a test says so."""
    return StillClock()


async def _passing(ask: Ask, count: int) -> int:
    """Ask so often, and count what is not told to wait."""
    passed = 0
    for number in range(count):
        try:
            await ask(number)
        except RateLimited:
            continue
        except (SignInFailed, BadToken):
            pass
        passed += 1
    return passed


async def test_s74_a_hundred_sign_ups_from_one_network_end_after_twenty(flows: Flows) -> None:
    """Every one with another address, from another IPv6 address of the same /64; nothing is written for the rest."""
    passed = await _passing(lambda n: flows.register(f"a{n}@example.com", client=neighbour(n)), 100)
    assert (20, 20) == (passed, len(await flows.accounts()))


async def test_s74_another_network_is_another_client(flows: Flows) -> None:
    """Whoever lives next door is not shut out."""
    await _passing(lambda n: flows.register(f"a{n}@example.com", client=neighbour(n)), 25)
    await flows.register("honest@example.com", client=neighbour(1 << 64))
    assert "honest@example.com" in {account["email"] for account in await flows.accounts()}


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.PROVE_PASSWORD])
async def test_each_act_has_its_allowance(gate: Gate, act: Act) -> None:
    """The burst passes and not one more; the other acts of the client are not touched by it."""
    passed = await _passing(lambda n: admit(gate, act, ONE, request_id=R), ALLOWANCES[act].burst + 5)
    assert ALLOWANCES[act].burst == passed
    others = [other for other in Act if other not in (act, Act.PROVE_PASSWORD)]
    assert len(others) == await _passing(lambda n: admit(gate, others[n], ONE, request_id=R), len(others))


async def test_s76_whoever_waits_as_long_as_told_is_let_in(gate: Gate, clock: MovableClock, heard: list[Event]) -> None:
    """Retry-After is whole seconds, at least one, and true; the event says the same, and where it came from."""
    await _passing(lambda n: admit(gate, Act.REGISTER, ONE, request_id=R), 20)
    with pytest.raises(RateLimited) as refused:
        await admit(gate, Act.REGISTER, ONE, request_id=R)
    assert 1 <= refused.value.retry_after_s <= 60
    (told,) = [event for event in heard if isinstance(event, RequestLimited)]
    assert (Act.REGISTER, ONE.network, refused.value.retry_after_s) == (told.act, told.network, told.retry_after_s)
    clock.move(refused.value.retry_after_s)
    await admit(gate, Act.REGISTER, ONE, request_id=R)


async def test_s23_a_known_and_an_unknown_address_are_limited_alike(flows: Flows) -> None:
    """The same number of requests passes, whatever they ask about."""
    await flows.registered_and_verified()
    asks: list[Callable[[str, Client], Awaitable[object]]] = [
        lambda email, client: flows.register(email, client=client),
        lambda email, client: flows.request_verification(email, client=client),
        lambda email, client: flows.request_reset(email, client=client),
        lambda email, client: flows.sign_in(email, "a wrong password", client=client),
    ]
    passed = []
    for number, ask in enumerate(asks):
        for other, email in enumerate((ADDRESS, "nobody@example.com", "x@y@z" if number == 3 else "else@example.com")):
            client = client_number(10 * number + other)
            passed.append(await _passing(lambda n, a=ask, e=email, c=client: a(e, c), 33))  # type: ignore[misc]
    assert [20] * 9 + [30] * 3 == passed


async def test_s74_success_gives_a_client_nothing_back(flows: Flows) -> None:
    """Thirty right passwords use up what thirty wrong ones would."""
    await flows.registered_and_verified()
    assert 30 == await _passing(lambda n: flows.sign_in(client=ONE), 33)


@pytest.mark.parametrize("address", [ADDRESS, "nobody@example.com"])
async def test_s77_no_number_of_guesses_at_an_address_is_answered_429(flows: Flows, address: str) -> None:
    """A hundred and twenty clients guess: each gets the answer to a wrong password, known or not."""
    await flows.registered_and_verified()
    for number in range(GUESSES.burst + 20):
        with pytest.raises(SignInFailed):
            await flows.sign_in(address, "a guess", client=client_number(number))


async def test_s74_aliases_share_the_guesses_of_an_address(gate: Gate) -> None:
    """Whatever stands behind a plus, and dots at Gmail, opens no new hundred."""
    forms = ("m.ira@gmail.com", "mira+1@gmail.com", "mi.r.a+x@googlemail.com", "mira@gmail.com")
    left = [
        await admit_sign_in(gate, forms[number % 4], client_number(number), request_id=R)
        for number in range(GUESSES.burst + 8)
    ]
    assert Counter({True: GUESSES.burst, False: 8}) == Counter(left)
    assert await admit_sign_in(gate, "other@gmail.com", client_number(200), request_id=R)
    await gate.database.write(lambda tx: forget_guesses(tx, gate, "mira@gmail.com"))
    assert await admit_sign_in(gate, "mira@gmail.com", client_number(201), request_id=R)


async def test_a_refused_client_uses_up_nobodys_guesses(gate: Gate) -> None:
    """Out of what one client asks, only what it is granted counts for the address."""
    await _passing(lambda n: admit_sign_in(gate, ADDRESS, ONE, request_id=R), 200)
    left = [await admit_sign_in(gate, ADDRESS, client_number(n), request_id=R) for n in range(2, 73)]
    assert Counter({True: GUESSES.burst - 30, False: 1}) == Counter(left)


async def test_the_current_password_is_guessed_ten_times_in_one_session(gate: Gate) -> None:
    """Another session of the same account has its own ten."""
    session, other = uuid.uuid4(), uuid.uuid4()
    assert 10 == await _passing(lambda n: admit_session(gate, session, request_id=R), 15)
    await admit_session(gate, other, request_id=R)


async def test_a_token_is_guessed_a_hundred_times(flows: Flows) -> None:
    """Verification and reset share it; what has no token's form is looked at by nobody and costs nothing."""
    token = "A" * TEXT_LENGTH
    await _passing(lambda n: flows.verify("nonsense", client=ONE), 50)
    passed = await _passing(lambda n: flows.verify(token, client=ONE) if n % 2 else flows.reset(token, client=ONE), 110)
    assert 100 == passed


async def test_what_is_refused_for_its_form_or_answered_before_costs_nothing(flows: Flows) -> None:
    """A form may be corrected as often as it takes, and a repeat with its Idempotency-Key is the same request."""
    for _ in range(30):
        with pytest.raises(InvalidInput):
            await flows.register("no address", client=ONE)
        await flows.register(key="a key of its own, as long as it should be", client=ONE)
    assert 19 == await _passing(lambda n: flows.register(client=ONE), 30)


async def test_a_call_without_a_client_is_never_limited(gate: Gate) -> None:
    """Somebody inside the product asks; and RATE_LIMITS=off lets everybody."""
    assert 50 == await _passing(lambda n: admit(gate, Act.REGISTER, None, request_id=R), 50)
    off = replace(gate, limited=False)
    assert 50 == await _passing(lambda n: admit(off, Act.REGISTER, ONE, request_id=R), 50)
    assert 50 == await _passing(lambda n: admit_session(off, uuid.UUID(int=1), request_id=R), 50)


async def test_no_address_of_a_person_or_a_machine_stands_in_the_table(flows: Flows) -> None:
    """Every key is a keyed hash; with another secret it is another."""
    await _passing(lambda n: flows.sign_in("someone@example.com", "a guess", client=ONE), 1)
    keys = await flows.gate.database.read(lambda connection: connection.execute(limits.select()).scalars().all())
    assert {16} == {len(key) for key in keys}
    assert not [key for key in keys if b"someone" in key or b"10.0" in key]


async def test_when_sign_ups_are_unusual_repeated_ones_cost_more_and_first_ones_pass(
    gate: Gate, heard: list[Event]
) -> None:
    """The alarm is told once a minute, and turns no newcomer away."""
    few = replace(gate, sign_up_alarm_per_hour=10)
    assert 30 == await _passing(lambda n: admit(few, Act.REGISTER, client_number(n), request_id=R), 30)
    assert [10] == [event.per_hour for event in heard if isinstance(event, SignUpsUnusual)]
    assert 4 == await _passing(lambda n: admit(few, Act.REGISTER, neighbour(n), request_id=R), 20)
    assert 30 == await _passing(lambda n: admit(few, Act.SIGN_IN, neighbour(n), request_id=R), 35)


async def test_what_is_refused_raises_no_alarm(gate: Gate, heard: list[Event]) -> None:
    """One client that asks without end is told to wait, and slows nobody else."""
    few = replace(gate, sign_up_alarm_per_hour=25)
    await _passing(lambda n: admit(few, Act.REGISTER, ONE, request_id=R), 60)
    assert 4 == await _passing(lambda n: admit(few, Act.REGISTER, client_number(2), request_id=R), 4)
    assert [] == [event for event in heard if isinstance(event, SignUpsUnusual)]
