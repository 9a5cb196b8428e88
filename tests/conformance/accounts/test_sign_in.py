"""Sign in: the owner of a proved address gets a session; everybody else the same answer, at the same cost."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, func, select, update

from gatepost.accounts.gate import Gate
from gatepost.accounts.passwords import Passwords
from gatepost.accounts.tables import accounts, candidates, known_clients, sessions, tokens
from gatepost.errors import InvalidInput, NotSignedIn, SignInFailed
from gatepost.events import Event, SignedIn, SignInRefused
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, PASSWORD, Flows
from tests.support.places import HOME, SOMEWHERE, use_up_guesses
from tests.support.statements import statements

WRONG = "a password nobody chose"


class Counting(Passwords):
    """Hashes as ever, and counts how many were made."""

    def __init__(self, memory_kib: int = 8) -> None:
        super().__init__(memory_kib=memory_kib, time_cost=1, parallelism=1)
        self.made = 0

    async def hash(self, password: str) -> str:
        self.made += 1
        return await super().hash(password)

    async def verify(self, password: str, phc: str | None) -> bool:
        self.made += 1
        return await super().verify(password, phc)


@pytest.fixture
def counting() -> Iterator[Counting]:
    """Passwords that count."""
    passwords = Counting()
    yield passwords
    passwords.close()


async def _mark(flows: Flows, address: str, column: str) -> None:
    query = update(accounts).where(accounts.c.address_key == address).values({column: 1})
    await flows.gate.database.write(lambda tx: tx.execute(query).rowcount)


async def _unknown(flows: Flows, address: str) -> tuple[str, str]:
    return address, PASSWORD


async def _malformed(flows: Flows, address: str) -> tuple[str, str]:
    return "no address at all", PASSWORD


async def _wrong_password(flows: Flows, address: str) -> tuple[str, str]:
    await flows.registered_and_verified(address)
    return address, WRONG


async def _unverified(flows: Flows, address: str) -> tuple[str, str]:
    await flows.register(address)
    return address, PASSWORD


async def _disabled(flows: Flows, address: str) -> tuple[str, str]:
    await flows.registered_and_verified(address)
    await _mark(flows, address, "disabled_at")
    return address, PASSWORD


async def _deleted(flows: Flows, address: str) -> tuple[str, str]:
    await flows.registered_and_verified(address)
    await _mark(flows, address, "deleted_at")
    return address, PASSWORD


async def _no_guesses_left(flows: Flows, address: str) -> tuple[str, str]:
    await flows.registered_and_verified(address)
    await use_up_guesses(flows, address)
    return address, PASSWORD


Cause = Callable[[Flows, str], Awaitable[tuple[str, str]]]
CAUSES: dict[str, Cause] = {
    "no_account": _unknown,
    "malformed": _malformed,
    "wrong_password": _wrong_password,
    "not_verified": _unverified,
    "disabled": _disabled,
    "deleted": _deleted,
    "no_guesses_left": _no_guesses_left,
}
TABLES = (accounts, candidates, sessions, known_clients, tokens, messages)


async def _counts(flows: Flows) -> dict[str, int]:
    def query(connection: Connection) -> dict[str, int]:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES
        }

    return await flows.gate.database.read(query)


async def test_the_owner_of_a_proved_address_gets_a_session(flows: Flows, heard: list[Event]) -> None:
    """With its token, the account, and an event that names neither."""
    account_id = await flows.registered_and_verified()
    entered = await flows.sign_in(client=HOME)
    assert (account_id, ADDRESS) == (entered.account.id, entered.account.email)
    assert ("203.0.113.0/24", "A browser") == (entered.session.network, entered.session.agent)
    told = [event for event in heard if isinstance(event, SignedIn)]
    assert [SignedIn(request_id="request-6", account_id=str(account_id), known_client=False)] == told
    assert entered.token not in repr(entered)


async def test_an_address_signs_in_however_it_is_typed(flows: Flows) -> None:
    """Its key counts, as everywhere."""
    await flows.registered_and_verified()
    assert ADDRESS == (await flows.sign_in("MIRA@Example.COM")).account.email


async def test_s04_a_password_fits_in_both_forms_of_unicode(flows: Flows) -> None:
    """Another keyboard may send the same letters in other code points."""
    await flows.registered_and_verified(password="cafe\u0301 with much cream")
    await flows.sign_in(password="caf\u00e9 with much cream")


@pytest.mark.parametrize("cause", CAUSES)
async def test_s81_every_failure_hashes_once_and_writes_the_same_rows(
    flows: Flows, counting: Counting, heard: list[Event], cause: str
) -> None:
    """One hash, one token, one message, nothing else; only the log has the reason."""
    email, password = await CAUSES[cause](flows, ADDRESS)
    counted = Flows(replace(flows.gate, passwords=counting))
    before = await _counts(flows)
    with pytest.raises(SignInFailed):
        await counted.sign_in(email, password, client=SOMEWHERE)
    after = await _counts(flows)
    assert {"tokens": 1, "messages": 1} == {
        name: after[name] - before[name] for name in after if after[name] - before[name]
    }
    assert 1 == counting.made
    assert [cause] == [event.reason for event in heard if isinstance(event, SignInRefused)]


async def test_s81_every_failure_runs_the_same_statements(flows: Flows, clock: MovableClock) -> None:
    """In the same order: neither an index nor a lock is asked for more in one case than in another."""
    ran = {cause: await _statements_of(flows, cause) for cause in CAUSES if cause != "no_guesses_left"}
    await flows.deliver()
    clock.move(3700)
    ran["not_verified, and mailed"] = await _statements_of(flows, "not_verified")
    assert ("verification", "queued", None) in await flows.outbox()
    assert 5 < len(ran["no_account"])
    assert dict.fromkeys(ran, ran["no_account"]) == ran


async def test_s81_an_address_without_guesses_fails_alike_whether_known_or_not(flows: Flows) -> None:
    """The bucket is the address's, and runs empty for one nobody has as well."""
    known = await _statements_of(flows, "no_guesses_left")
    await use_up_guesses(flows, "no_account@example.com")
    assert known == await _statements_of(flows, "no_account")


@pytest.mark.parametrize("cause", CAUSES)
async def test_a_failure_is_told_to_operators_and_mailed_to_nobody_but_who_waits(
    flows: Flows, heard: list[Event], cause: str
) -> None:
    """The row of the others is born cancelled, and of an address only a keyed hash stands in it."""
    email, password = await CAUSES[cause](flows, ADDRESS)
    before = {row["id"] for row in await flows.rows(messages)}
    with pytest.raises(SignInFailed):
        await flows.sign_in(email, password, client=SOMEWHERE)
    (row,) = [row for row in await flows.rows(messages) if row["id"] not in before]
    if cause == "not_verified":
        assert ADDRESS == row["recipient"]
    else:
        assert ("cancelled", "sign_in_failed") == (row["state"], row["reason"])
        assert (None, None) == (row["recipient"], row["account_id"])
        assert email not in row["recipient_key"]
    (told,) = [event for event in heard if isinstance(event, SignInRefused)]
    assert told.recipient == ("***" if cause == "malformed" else "m***@example.com")


async def test_s18_nobody_signs_in_before_the_address_is_proved(flows: Flows, clock: MovableClock) -> None:
    """The password of the registration opens nothing; its owner gets another link instead, and that opens it."""
    await flows.register()
    await flows.deliver()
    clock.move(3700)
    with pytest.raises(SignInFailed):
        await flows.sign_in()
    assert [] == await flows.sessions()
    await flows.verify((await flows.deliver())["verification"])
    await flows.sign_in()


async def test_s54_a_mailed_link_begins_no_session(flows: Flows) -> None:
    """Whoever opens a verification link in another browser is not signed in there, nor in this one."""
    await flows.register()
    await flows.verify((await flows.deliver())["verification"])
    assert [] == await flows.sessions()


async def test_s38_a_reset_begins_no_session_and_shuts_nobody_out(flows: Flows) -> None:
    """Its owner is told, and signs in with the new password; asking for a reset alone changes nothing."""
    await flows.registered_and_verified()
    await flows.request_reset()
    await flows.sign_in()
    before = len(await flows.sessions())
    await flows.reset((await flows.deliver())["password_reset"], "quite another password")
    assert (1, 0) == (before, len(await flows.sessions()))
    assert ("password_changed", "queued", None) in await flows.outbox()
    await flows.sign_in(password="quite another password")
    with pytest.raises(SignInFailed):
        await flows.sign_in(password=PASSWORD)


async def test_s46_the_session_a_browser_brings_ends_when_it_signs_in(flows: Flows) -> None:
    """And what was none before is none after: nobody can hand a browser the token it will have."""
    await flows.registered_and_verified()
    planted = "p" * 43
    first = await flows.sign_in(replaces=planted)
    with pytest.raises(NotSignedIn):
        await flows.find(planted)
    second = await flows.sign_in(replaces=first.token)
    assert first.token != second.token
    with pytest.raises(NotSignedIn):
        await flows.find(first.token)
    await flows.find(second.token)


async def test_s08_a_weaker_hash_is_upgraded_at_login(flows: Flows) -> None:
    """The password is known at that moment and at no other; the next login leaves the hash alone."""
    await flows.registered_and_verified()
    stronger = Passwords(memory_kib=64, time_cost=2, parallelism=1)
    strict = Flows(replace(flows.gate, passwords=stronger))
    found = []
    for _ in range(2):
        await strict.sign_in()
        found.append((await flows.accounts())[0]["password_hash"])
    assert "$m=64,t=2,p=1$" in found[0]
    assert found[0] == found[1]
    stronger.close()


async def test_s08_a_failed_login_upgrades_nothing(flows: Flows) -> None:
    """Neither with a wrong password, nor for an account nobody may sign in to: one hash each, and none is kept."""
    await flows.registered_and_verified()
    before = (await flows.accounts())[0]["password_hash"]
    stronger = Counting(memory_kib=64)
    strict = Flows(replace(flows.gate, passwords=stronger))
    with pytest.raises(SignInFailed):
        await strict.sign_in(password=WRONG)
    await _mark(flows, ADDRESS, "disabled_at")
    with pytest.raises(SignInFailed):
        await strict.sign_in()
    assert (2, before) == (stronger.made, (await flows.accounts())[0]["password_hash"])
    stronger.close()


@pytest.mark.parametrize(
    "broken", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$", "$2b$12$" + "a" * 53, "$argon2id$\u00e4"]
)
async def test_a_broken_stored_hash_fits_nothing(flows: Flows, broken: str) -> None:
    """It is the ordinary answer and no 500."""
    await flows.registered_and_verified()
    await flows.gate.database.write(lambda tx: tx.execute(update(accounts).values(password_hash=broken)).rowcount)
    with pytest.raises(SignInFailed):
        await flows.sign_in()


class Meddling(Passwords):
    """While a password is compared, its owner changes it elsewhere."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(memory_kib=8, time_cost=1, parallelism=1)
        self._gate = gate

    async def verify(self, password: str, phc: str | None) -> bool:
        fits = await super().verify(password, phc)
        new = await self.hash("chosen in this very moment")
        await self._gate.database.write(lambda tx: tx.execute(update(accounts).values(password_hash=new)).rowcount)
        return fits


async def test_a_password_that_was_changed_meanwhile_lets_nobody_in(flows: Flows, heard: list[Event]) -> None:
    """The stored hash is compared once more in the transaction that would begin the session."""
    await flows.registered_and_verified()
    meddling = Meddling(flows.gate)
    with pytest.raises(SignInFailed):
        await Flows(replace(flows.gate, passwords=meddling)).sign_in()
    assert [] == await flows.sessions()
    assert ["changed_meanwhile"] == [event.reason for event in heard if isinstance(event, SignInRefused)]
    meddling.close()


async def test_a_password_longer_than_any_may_be_is_refused_before_it_costs_anything(
    flows: Flows, counting: Counting
) -> None:
    """1,024 characters are compared; one more is not even hashed."""
    counted = Flows(replace(flows.gate, passwords=counting))
    with pytest.raises(InvalidInput):
        await counted.sign_in(password="x" * 1025)
    assert (0, []) == (counting.made, await flows.tokens())
    with pytest.raises(SignInFailed):
        await counted.sign_in(password="x" * 1024)


async def _statements_of(flows: Flows, cause: str) -> list[str]:
    address = f"{cause}@example.com"
    known = address in [account["address_key"] for account in await flows.accounts()]
    email, password = (address, PASSWORD) if known else await CAUSES[cause](flows, address)
    with statements() as ran, pytest.raises(SignInFailed):
        await flows.sign_in(email, password, client=SOMEWHERE)
    return ran
