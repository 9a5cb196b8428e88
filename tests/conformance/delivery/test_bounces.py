"""A reply that says that the address does not exist: it is suppressed with the result, by the exact codes."""

import pytest

from gatepost.database.connection import Database
from gatepost.delivery import commits
from gatepost.errors import DatabaseUnavailable
from gatepost.events import AddressSuppressed, MessageDeferred, MessageFailed, WorkerFailed
from gatepost.testing import Refuse, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.commits import Watched
from tests.support.delivery import NEVER_S, Delivery, smtp_to
from tests.support.outbox import state_of
from tests.support.suppressing import DAY_MS, MIRA, keys_and_reasons, rows

NO_SUCH_USER = Refuse("550 5.1.1 No such user")

HARD = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"]
# Each of them ends a message, and none says that the address does not exist.
OTHERS = [
    "550 No such user here",
    "550 5.0.0 User unknown",
    "550 5.1.0 Something with the address",
    "550 5.1.4 Ambiguous",
    "550 5.1.5 Valid",
    "550 5.1.7 Bad sender",
    "550 5.1.8 Bad domain of the sender",
    "550 5.1.9 Relayed",
    "550 5.1.11 Who knows",
    "550 5.1.100 Who knows",
    "550 5.11.1 Who knows",
    "550 5.2.1 Mailbox disabled",
    "552 5.2.3 Too long",
    "550 5.4.4 No route",
    "550 5.7.1 Looks like spam",
    "550 5.7.17 Somebody else's now",
    "551 User not local",
    "553 Mailbox name not allowed",
    "554 Transaction failed",
    "556 Domain takes no mail",
    "550 5.1.1. almost",
    "550 4.1.1 of another class",
]


async def test_a_mailbox_that_does_not_exist_is_suppressed(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """For a year, for all mail, with the words of the server and the message that found out; told after its end."""
    server.at(Step.RCPT, NO_SUCH_USER)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        (row_id,) = await delivery.enqueue(recipient="Mira@Example.com", recipient_key=MIRA)
        (told,) = await delivery.wait_for(AddressSuppressed)
    (row,) = await rows(database)
    assert (MIRA, "Mira@Example.com") == (row["address_key"], row["address"])
    assert ("all", "hard_bounce", "smtp") == (row["scope"], row["reason"], row["source"])
    assert (row_id, "550 5.1.1 No such user") == (row["message"], row["detail"])
    assert 365 * DAY_MS == row["expires_at"] - row["created_at"]
    assert (str(row["id"]), "M***@Example.com", str(row_id)) == (told.suppression, told.recipient, told.message)
    assert [MessageFailed, AddressSuppressed] == [type(one) for one in delivery.heard][-3:-1]


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA, Step.DOT])
async def test_every_status_of_no_such_address_suppresses(
    database: Database, server: SubmissionServer, clock: MovableClock, step: Step
) -> None:
    """5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10: to the recipient, and where a server says it only to the content."""
    for status in HARD:
        server.at(step, Refuse(f"554 {status} Gone"), recipient=f"{status}@example.com")
    delivery = Delivery(database, smtp_to(server.port), clock)
    everybody = [f"{status}@example.com" for status in HARD]
    async with delivery.running():
        for one in everybody:
            await delivery.enqueue(recipient=one, recipient_key=one)
        await delivery.wait_for(AddressSuppressed, len(HARD))
    assert {(one, "hard_bounce") for one in everybody} == await keys_and_reasons(database)


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
async def test_no_other_refusal_suppresses(
    database: Database, server: SubmissionServer, clock: MovableClock, step: Step
) -> None:
    """Neither a code without a status, nor a neighbouring status, nor a rule of the server's own."""
    everybody = [f"{number}@example.com" for number in range(len(OTHERS))]
    for one, said in zip(everybody, OTHERS, strict=True):
        server.at(step, Refuse(said), recipient=one)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        for one in everybody:
            await delivery.enqueue(recipient=one, recipient_key=one)
        await delivery.wait_for(MessageFailed, len(OTHERS))
    assert (set(), []) == (await keys_and_reasons(database), delivery.of(AddressSuppressed))


@pytest.mark.parametrize("said", ["450 4.1.1 Not now", "421 5.1.1 Closing", "550 5.1.1 of the sender"])
async def test_what_is_not_about_the_recipient_or_not_for_good_does_not_suppress(
    database: Database, server: SubmissionServer, clock: MovableClock, said: str
) -> None:
    """4.1.1 may pass, 421 is the server's matter, and a reply to MAIL speaks of our own address."""
    server.at(Step.MAIL if said.startswith("550") else Step.RCPT, Refuse(said))
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await delivery.enqueue()
        await delivery.wait_for(MessageFailed if said.startswith("550") else MessageDeferred)
    assert set() == await keys_and_reasons(database)


async def test_result_and_suppression_are_one_commit(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Whoever sees the message failed sees the address suppressed: nothing can come in between."""
    server.at(Step.RCPT, NO_SUCH_USER)
    watched = Watched(database)
    delivery = Delivery(watched, smtp_to(server.port), clock, poll_s=NEVER_S)
    async with delivery.running():
        await delivery.enqueue()
        await delivery.wait_for(AddressSuppressed)
        parts = [(len(one.results), one.look is not None) for one in watched.batches]
        assert (1, False) == parts[-1]
        assert watched.works[-1] is watched.batches[-1]
    assert {(MIRA, "hard_bounce")} == await keys_and_reasons(database)


async def test_a_stop_writes_the_suppression_that_could_not_be_written_before(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """The database was away when the reply came: the last write of the worker has both, and both are told."""
    server.at(Step.RCPT, NO_SUCH_USER)
    watched = Watched(database)

    def break_results() -> None:
        if watched.batches and watched.batches[-1].results and not broken:
            broken.append(True)
            watched.errors = [DatabaseUnavailable("away")]

    broken: list[bool] = []
    watched.before = break_results
    delivery = Delivery(watched, smtp_to(server.port), clock, poll_s=NEVER_S)
    async with delivery.running(grace_s=0):
        (row_id,) = await delivery.enqueue()
        await delivery.at_rest(lambda: bool(broken))
        assert (set(), []) == (await keys_and_reasons(database), delivery.of(AddressSuppressed))
    assert ("failed", {(MIRA, "hard_bounce")}) == (await state_of(database, row_id), await keys_and_reasons(database))
    assert 1 == len(delivery.of(AddressSuppressed))


async def test_a_suppression_whose_commit_was_not_answered_is_told_once(
    database: Database, server: SubmissionServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was durable: the result finds itself, nothing is written again, and the world hears of it."""
    monkeypatch.setattr(commits, "SETTLE_RETRY_S", 0.01)
    server.at(Step.RCPT, NO_SUCH_USER)
    watched = Watched(database)

    def lose_answer() -> None:
        if watched.batches and watched.batches[-1].results and not lost:
            lost.append(True)
            watched.answers_to_lose = 1

    lost: list[bool] = []
    watched.before = lose_answer
    delivery = Delivery(watched, smtp_to(server.port), clock, poll_s=NEVER_S)
    async with delivery.running():
        await delivery.enqueue()
        await delivery.wait_for(AddressSuppressed)
    assert (1, 1) == (len(await rows(database)), len(delivery.of(AddressSuppressed)))
    assert 1 == len(delivery.of(WorkerFailed))


async def test_a_second_bounce_renews_and_is_not_told_again(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Two messages to one address were under way: one suppression, one event."""
    server.at(Step.RCPT, NO_SUCH_USER)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await delivery.enqueue(2)
        await delivery.wait_for(MessageFailed, 2)
        await delivery.at_rest(lambda: True)
    assert (1, 1) == (len(await rows(database)), len(delivery.of(AddressSuppressed)))
