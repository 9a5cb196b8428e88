"""What a suppression stops, asked for claimed messages: by scope, by reason, and the one reset a day."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gatepost.database.connection import Database
from gatepost.suppression.check import ONE_RESET_IN_S, RESET, Outgoing, check
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.lift import hide
from gatepost.suppression.reason import BOUNCES, Reason, Scope
from tests.support.statements import statements
from tests.support.suppressing import DAY_MS, HIDING, MIRA, NOW_MS, row, suppressed

ZOE = "zoe@example.com"


@dataclass(frozen=True)
class Message:
    """What a check looks at."""

    recipient_key: str = MIRA
    template: str = "password_changed"
    security: bool = True
    id: uuid.UUID = field(default_factory=uuid.uuid4)


WELCOME = Message(template="welcome", security=False)
NOTICE = Message()


def reset(address: str = MIRA) -> Message:
    """A password reset of its own."""
    return Message(address, RESET)


async def stopped(
    database: Database, *messages: Outgoing, now_ms: int = NOW_MS, hiding: Hiding = HIDING
) -> list[Reason | None]:
    """Why each of them must not go out; None where it may."""
    found = await database.write(lambda tx: check(tx, hiding, messages, now_ms))
    assert found.keys() <= {message.id for message in messages}
    return [found.get(message.id) for message in messages]


async def test_nothing_is_stopped_where_nothing_is_suppressed(database: Database) -> None:
    """The ordinary claim."""
    assert await stopped(database, WELCOME, NOTICE, reset()) == [None, None, None]
    assert await stopped(database) == []


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in BOUNCES])
@pytest.mark.parametrize("scope", Scope)
async def test_the_scope_says_what_is_stopped(database: Database, reason: Reason, scope: Scope) -> None:
    """`all` stops everything, and no reset gets past what a person said; `all_but_security` stops the rest."""
    await suppressed(database, reason, scope=scope)
    of_security = reason if scope is Scope.ALL else None
    assert await stopped(database, WELCOME, NOTICE, reset()) == [reason, of_security, of_security]


@pytest.mark.parametrize("reason", sorted(BOUNCES))
async def test_bounces_stop_all_but_a_reset(database: Database, reason: Reason) -> None:
    """Nothing else can find out whether a mailbox works again."""
    await suppressed(database, reason)
    assert await stopped(database, WELCOME, NOTICE, reset()) == [reason, reason, None]


async def test_another_address_is_not_stopped(database: Database) -> None:
    """In one batch each is asked about its own recipient."""
    await suppressed(database, Reason.HARD_BOUNCE)
    assert await stopped(database, NOTICE, Message(ZOE)) == [Reason.HARD_BOUNCE, None]


async def test_one_statement_asks_for_the_whole_batch(database: Database) -> None:
    """The check costs one statement a claim, and only a reset that is stopped two more."""
    await suppressed(database, Reason.HARD_BOUNCE)
    with statements() as ran:
        await stopped(database, *(Message(f"p{number}@example.com") for number in range(16)), NOTICE)
    assert len([one for one in ran if "suppressions" in one]) == 1


async def test_what_has_ended_stops_nothing(database: Database) -> None:
    """To the millisecond, and before any chore has deleted it."""
    made = await suppressed(database, Reason.HARD_BOUNCE)
    assert made.expires_at is not None
    assert await stopped(database, NOTICE, now_ms=made.expires_at - 1) == [Reason.HARD_BOUNCE]
    assert await stopped(database, NOTICE, now_ms=made.expires_at) == [None]


async def test_an_erased_person_is_still_not_written_to(database: Database) -> None:
    """The keyed hash stops what the address did, also under a key that was replaced since."""
    await suppressed(database, Reason.COMPLAINT)
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    assert await stopped(database, NOTICE) == [Reason.COMPLAINT]
    newer = Hiding(["a newer secret of the tests, long enough", "a secret of the tests, long enough to be one"])
    assert await stopped(database, NOTICE, hiding=newer) == [Reason.COMPLAINT]
    assert await stopped(database, NOTICE, hiding=Hiding(["a newer secret of the tests, long enough"])) == [None]


async def test_of_several_reasons_the_one_no_reset_gets_past_is_told(database: Database) -> None:
    """Support reads first what only a person can undo."""
    for reason in (Reason.SOFT_BOUNCES, Reason.HARD_BOUNCE, Reason.COMPLAINT, Reason.OPERATOR):
        await suppressed(database, reason)
        assert await stopped(database, NOTICE) == [reason]


# ---- the one reset a day ------------------------------------------------------------------------------------------


async def test_one_reset_a_day_gets_past_bounces(database: Database) -> None:
    """The second one within 24 hours is stopped; when they are over, the next one passes."""
    made = await suppressed(database, Reason.HARD_BOUNCE)
    first, second = reset(), reset()
    assert await stopped(database, first) == [None]
    stored = await row(database, made.id)
    assert (first.id, NOW_MS) == (stored["let_through"], stored["let_through_at"])
    over = NOW_MS + ONE_RESET_IN_S * 1000
    assert await stopped(database, second, now_ms=over - 1) == [Reason.HARD_BOUNCE]
    assert await stopped(database, second, now_ms=over) == [None]


async def test_the_same_reset_is_tried_again(database: Database) -> None:
    """A server that says later does not use up the day: that message passes as often as it is claimed."""
    made = await suppressed(database, Reason.SOFT_BOUNCES)
    first = reset()
    for hour in range(3):
        assert await stopped(database, first, now_ms=NOW_MS + hour * 3_600_000) == [None]
    assert (await row(database, made.id))["let_through_at"] == NOW_MS


async def test_of_two_resets_in_one_claim_one_passes(database: Database) -> None:
    """Also where the same claim brings both."""
    await suppressed(database, Reason.HARD_BOUNCE)
    await suppressed(database, Reason.SOFT_BOUNCES)
    assert await stopped(database, reset(), reset(), reset(ZOE)) == [None, Reason.HARD_BOUNCE, None]


async def test_a_reason_that_is_added_gives_no_further_reset(database: Database) -> None:
    """A reset that bounces again adds a suppression, and the day stays used up."""
    await suppressed(database, Reason.SOFT_BOUNCES)
    assert await stopped(database, reset()) == [None]
    await suppressed(database, Reason.HARD_BOUNCE)
    assert await stopped(database, reset(), now_ms=NOW_MS + 1) == [Reason.HARD_BOUNCE]
    await suppressed(database, Reason.SOFT_BOUNCES, now_ms=NOW_MS + 2)
    assert await stopped(database, reset(), now_ms=NOW_MS + 2) == [Reason.HARD_BOUNCE]
    assert await stopped(database, reset(), now_ms=NOW_MS + DAY_MS) == [None]


@pytest.mark.parametrize("beside", [Reason.COMPLAINT, Reason.OPERATOR])
async def test_no_reset_gets_past_what_a_person_said(database: Database, beside: Reason) -> None:
    """A complaint about security mail or an operator's word beside the bounce: then it is stopped, and no day used."""
    bounced = await suppressed(database, Reason.HARD_BOUNCE)
    await suppressed(database, beside)
    assert await stopped(database, reset()) == [beside]
    assert (await row(database, bounced.id))["let_through"] is None


@pytest.mark.parametrize("beside", [Reason.COMPLAINT, Reason.UNSUBSCRIBED, Reason.OPERATOR])
async def test_what_spares_security_mail_does_not_stop_a_reset(database: Database, beside: Reason) -> None:
    """Who complained about a newsletter and had a full mailbox gets the reset of the day."""
    await suppressed(database, Reason.HARD_BOUNCE)
    await suppressed(database, beside, scope=Scope.ALL_BUT_SECURITY)
    assert await stopped(database, reset(), reset()) == [None, Reason.HARD_BOUNCE]


async def test_a_reset_without_the_mark_of_security_passes_nothing_more(database: Database) -> None:
    """A message of that name that is not about security is stopped by what stops such mail."""
    await suppressed(database, Reason.UNSUBSCRIBED)
    assert await stopped(database, Message(template=RESET, security=False)) == [Reason.UNSUBSCRIBED]


async def test_of_several_workers_one_lets_a_reset_pass(processes: list[Database]) -> None:
    """At the same moment, each with a reset of its own to the same addresses, in every order: one each, no deadlock."""
    addresses = [f"p{number}@example.com" for number in range(8)]
    for address in addresses:
        for reason in sorted(BOUNCES):
            await suppressed(processes[0], reason, address)

    async def claims(number: int) -> Sequence[Reason | None]:
        order = addresses if number % 2 else addresses[::-1]
        return await stopped(processes[number % 4], *map(reset, order))

    found = await asyncio.gather(*map(claims, range(8)))
    assert sum(one is None for answers in found for one in answers) == len(addresses)
