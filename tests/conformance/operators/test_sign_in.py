"""Signing in as an operator: one answer and one cost for every cause of failure, guesses bounded, nobody shut out."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import ALLOWANCES, GUESSES, Act, admit_sign_in
from gatepost.accounts.passwords import MAX_PASSWORD_CHARACTERS, Passwords
from gatepost.database.connection import Database
from gatepost.errors import NotSignedIn, OperatorSignInFailed, RateLimited
from gatepost.events import Event, OperatorSignedIn, OperatorSignInRefused
from gatepost.operators.people import list_operators
from gatepost.operators.role import Role
from gatepost.operators.sessions import prune_operator_sessions, sign_out_operator
from tests.support.clock import MovableClock
from tests.support.crew import BY, PASSWORD, crew, current, hash_of, hired, signed_in
from tests.support.places import HOME, elsewhere
from tests.support.statements import statements

WRONG = "a password nobody chose"


class Counting(Passwords):
    """Hashes as ever, and counts how many were made."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, time_cost=1, parallelism=1)
        self.made = 0

    async def verify(self, password: str, phc: str | None) -> bool:
        self.made += 1
        return await super().verify(password, phc)


async def _nobody(gate: Gate) -> tuple[str, str]:
    return "nobody", PASSWORD


async def _no_name(gate: Gate) -> tuple[str, str]:
    return "no name at all", PASSWORD


async def _wrong_password(gate: Gate) -> tuple[str, str]:
    await hired(gate)
    return "mira", WRONG


async def _disabled(gate: Gate) -> tuple[str, str]:
    await hired(gate)
    await crew(gate).disable("mira", BY)
    return "mira", PASSWORD


async def _no_guesses_left(gate: Gate) -> tuple[str, str]:
    await hired(gate)
    await use_up_guesses(gate, "mira")
    return "mira", PASSWORD


CAUSES: dict[str, tuple[str, Callable[[Gate], Awaitable[tuple[str, str]]]]] = {
    "nobody": ("no_operator", _nobody),
    "no name": ("no_operator", _no_name),
    "wrong password": ("wrong_password", _wrong_password),
    "disabled": ("disabled", _disabled),
    "no guesses left": ("too_many_guesses", _no_guesses_left),
}


async def use_up_guesses(gate: Gate, name: str) -> None:
    """Let strangers guess from many places until nothing is left."""
    for number in range(GUESSES.burst):
        assert await admit_sign_in(gate, f"operator {name}", elsewhere(number), request_id="request-0")


async def test_an_operator_gets_a_session(gate: Gate, heard: list[Event]) -> None:
    """With a token that no repr shows; the name counts however it is typed."""
    await hired(gate, "mira", Role.OPERATOR)
    entered = await signed_in(gate, " MIRA ", client=HOME)
    assert "mira" == (await current(gate, entered.token)).operator.name
    assert OperatorSignedIn(request_id="request-1", operator="mira", role="operator") == heard[-1]
    assert entered.token not in repr(entered)
    assert entered.browser not in repr(entered)


@pytest.mark.parametrize("cause", CAUSES)
async def test_s81_every_failure_of_an_operator_is_one_answer_at_one_cost(
    gate: Gate, heard: list[Event], cause: str
) -> None:
    """One hash, no session, and only the log has the reason."""
    reason, arrange = CAUSES[cause]
    name, password = await arrange(gate)
    counting = Counting()
    with pytest.raises(OperatorSignInFailed), statements() as ran:
        await signed_in(replace(gate, passwords=counting), name, password, client=HOME)
    counting.close()
    assert 1 == counting.made
    assert [] == [one for one in ran if "INSERT INTO operator_sessions" in one]
    assert [OperatorSignInRefused(request_id="request-1", reason=reason, network="203.0.113.0/24")] == heard[-1:]


async def test_s81_every_failure_of_an_operator_runs_the_same_statements(gate: Gate) -> None:
    """Whether there is one of the name cannot be told from what the database does."""
    ran = {}
    for cause in ("nobody", "no name", "wrong password"):
        name, password = await CAUSES[cause][1](gate)
        with pytest.raises(OperatorSignInFailed), statements() as seen:
            await signed_in(gate, name, password, client=HOME)
        ran[cause] = seen
    assert ran["nobody"]
    assert dict.fromkeys(ran, ran["nobody"]) == ran


async def test_s03_an_endless_password_costs_nothing(gate: Gate) -> None:
    """It is refused as any wrong one is, and not hashed, whosever name stands beside it."""
    await hired(gate)
    counting = Counting()
    for name in ("mira", "nobody"):
        with pytest.raises(OperatorSignInFailed):
            await signed_in(replace(gate, passwords=counting), name, "x" * (MAX_PASSWORD_CHARACTERS + 1))
    counting.close()
    assert 0 == counting.made


async def test_s74_guesses_at_an_operator_are_bounded(gate: Gate, clock: MovableClock) -> None:
    """From wherever they come: after a hundred even the right password fails, until some time has passed."""
    await hired(gate)
    await use_up_guesses(gate, "mira")
    with pytest.raises(OperatorSignInFailed):
        await signed_in(gate, client=HOME)
    clock.move(GUESSES.every_s + 1)
    await signed_in(gate, client=HOME)


async def test_s74_one_client_is_told_to_wait(gate: Gate) -> None:
    """Whatever names it tries."""
    for number in range(ALLOWANCES[Act.SIGN_IN].burst):
        with pytest.raises(OperatorSignInFailed):
            await signed_in(gate, f"name{number}", client=HOME)
    with pytest.raises(RateLimited):
        await signed_in(gate, "another", client=HOME)


async def test_s77_a_stranger_shuts_no_operator_out(gate: Gate) -> None:
    """Where an operator signed in before they get in, however many guesses strangers make elsewhere."""
    await hired(gate)
    mark = (await signed_in(gate, client=HOME)).browser
    await use_up_guesses(gate, "mira")
    with pytest.raises(OperatorSignInFailed):
        await signed_in(gate, client=HOME)
    assert "mira" == (await signed_in(gate, client=HOME, browser=mark)).operator.name


async def test_s77_the_mark_of_a_browser_opens_nothing(gate: Gate) -> None:
    """Whoever has it needs the password, and has no more guesses at it than everybody."""
    await hired(gate)
    mark = (await signed_in(gate, client=HOME)).browser
    for number in range(GUESSES.burst):
        with pytest.raises(OperatorSignInFailed):
            await signed_in(gate, "mira", WRONG, client=elsewhere(number), browser=mark)
    with pytest.raises(OperatorSignInFailed):
        await signed_in(gate, client=HOME, browser=mark)


async def test_what_changes_while_a_password_is_hashed_counts(gate: Gate, heard: list[Event]) -> None:
    """Disabled in that moment, or given another password: no session begins."""
    await hired(gate)

    class Meanwhile(Passwords):
        """Lets somebody act while the password is compared."""

        async def verify(self, password: str, phc: str | None) -> bool:
            fits = await super().verify(password, phc)
            await crew(gate).set_password("mira", await gate.passwords.hash("eleven sandpipers at dawn"), BY)
            return fits

    slow = Meanwhile(memory_kib=8, time_cost=1, parallelism=1)
    with pytest.raises(OperatorSignInFailed):
        await signed_in(replace(gate, passwords=slow))
    slow.close()
    assert isinstance(heard[-1], OperatorSignInRefused)
    assert "changed_meanwhile" == heard[-1].reason


async def test_s08_a_weaker_hash_of_an_operator_is_upgraded(gate: Gate) -> None:
    """When they sign in; the password stays."""
    await hired(gate)
    stronger = Passwords(memory_kib=64, time_cost=2, parallelism=1)
    await signed_in(replace(gate, passwords=stronger))
    better = await hash_of(gate, "mira")
    assert not stronger.needs_rehash(better)
    await signed_in(replace(gate, passwords=stronger))
    assert better == await hash_of(gate, "mira")
    stronger.close()


async def test_a_session_ends_when_it_idles_or_is_old(gate: Gate, clock: MovableClock) -> None:
    """As those of accounts: each request keeps it alive, and none beyond its lifetime."""
    await hired(gate)
    idle, busy = (await signed_in(gate)).token, (await signed_in(gate)).token
    step_s, lived_s = gate.session_idle_s / 2 + 1, 0.0
    while lived_s + step_s < gate.session_lifetime_s:
        clock.move(step_s)
        lived_s += step_s
        await current(gate, busy)
        if lived_s > gate.session_idle_s:
            with pytest.raises(NotSignedIn):
                await current(gate, idle)
    assert lived_s > gate.session_idle_s
    clock.move(gate.session_lifetime_s - lived_s)
    with pytest.raises(NotSignedIn):
        await current(gate, busy)


async def test_the_list_counts_the_sessions_that_live(gate: Gate, clock: MovableClock) -> None:
    """Not those that idled, and not those of others; what is over goes in batches."""
    await hired(gate)
    await hired(gate, "tom")
    for _ in range(2):
        await signed_in(gate)
    listed = await gate.database.read(lambda tx: list_operators(tx, clock.now_ms(), gate.session_idle_s))
    assert [("mira", 2), ("tom", 0)] == [(one.operator.name, one.sessions) for one in listed]
    assert [True, False] == [one.seen_at is not None for one in listed]
    clock.move(gate.session_idle_s)
    listed = await gate.database.read(lambda tx: list_operators(tx, clock.now_ms(), gate.session_idle_s))
    assert [0, 0] == [one.sessions for one in listed]
    assert 0 == await gate.database.write(lambda tx: prune_operator_sessions(tx, clock.now_ms()))
    clock.move(gate.session_lifetime_s - gate.session_idle_s)
    assert 2 == await gate.database.write(lambda tx: prune_operator_sessions(tx, clock.now_ms()))


async def test_signing_out_ends_one_session(gate: Gate) -> None:
    """Its token opens nothing any more; another browser stays signed in, and what is no token does no harm."""
    await hired(gate)
    one, other = (await signed_in(gate)).token, (await signed_in(gate)).token
    for token in (one, one, "x", "p" * 43, None):
        await sign_out_operator(gate, token)
    with pytest.raises(NotSignedIn):
        await current(gate, one)
    await current(gate, other)


async def test_a_database_holds_no_token(gate: Gate, database: Database) -> None:
    """Only its SHA-256: whoever reads the file opens nothing."""
    await hired(gate)
    token = (await signed_in(gate)).token
    rows = await database.read(lambda tx: tx.exec_driver_sql("SELECT * FROM operator_sessions").all())
    assert token not in repr(rows)
    assert token.encode() not in b"".join(bytes(value) for value in rows[0] if isinstance(value, bytes | memoryview))
