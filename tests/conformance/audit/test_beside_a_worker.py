"""An operator while a worker sends over a real server: what is stopped is not sent, what is sent is told so."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection

from gatepost.clock import SystemClock
from gatepost.database.connection import Database
from gatepost.errors import ActionRefused, MessageInFlight
from gatepost.outbox.actions import Action
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.operate import act
from gatepost.testing import Hang, Step, SubmissionServer
from tests.support.delivery import DEADLINE_S, Delivery, smtp_to, worker_on
from tests.support.operating import ADA, found, operate
from tests.support.outbox import draft, state_of

MESSAGES = 60
_OVER = ("accepted", "cancelled")


@pytest.fixture
async def server() -> AsyncIterator[SubmissionServer]:
    """A submission server that does what the test asks."""
    async with SubmissionServer() as running:
        yield running


async def _act(delivery: Delivery, action: Action, message: uuid.UUID) -> bool:
    try:
        await operate(delivery.database, action, message, now_ms=delivery.clock.now_ms())
    except ActionRefused:
        return False
    delivery.ring.ring()
    return True


async def _all_over(delivery: Delivery, ids: list[uuid.UUID]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        for one in ids:
            while await state_of(delivery.database, one) not in _OVER:
                await _act(delivery, Action.RELEASE, one)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_stopped_is_not_sent_and_what_is_sent_is_sent_once(
    database: Database, server: SubmissionServer, seed: int
) -> None:
    """Holds, releases and cancellations at random while a worker sends: the server has exactly what is accepted."""
    chance = random.Random(seed)
    delivery = Delivery(database, smtp_to(server.port), SystemClock(), slots=4)
    async with delivery.running():
        ids = [(await delivery.enqueue(recipient=f"p{number}@example.com"))[0] for number in range(MESSAGES)]

        async def operator() -> None:
            for _ in range(MESSAGES):
                action = chance.choice((Action.HOLD, Action.HOLD, Action.RELEASE, Action.CANCEL))
                await _act(delivery, action, chance.choice(ids))

        await asyncio.gather(*(operator() for _ in range(3)))
        await _all_over(delivery, ids)
    accepted, cancelled = [], []
    for number, one in enumerate(ids):
        detail = await found(database, one)
        (accepted if detail.message.state == "accepted" else cancelled).append(f"p{number}@example.com")
        assert ("accepted" == detail.message.state) == ("accepted" in [tried.outcome for tried in detail.attempts])
        assert all(deed.state_before in ("queued", "held", "deferred") for deed in detail.actions)
    assert Counter(accepted) == Counter(message.recipient for message in server.messages)
    assert MESSAGES == len(accepted) + len(cancelled)


async def test_a_message_in_the_dialogue_is_refused_and_goes_its_way(
    database: Database, server: SubmissionServer
) -> None:
    """After the mark: every action is told that it is in flight, and the attempt is not disturbed."""
    server.at(Step.DOT, Hang())
    delivery = worker_on(database, server, "worker-1")
    async with delivery.running(grace_s=0):
        (message,) = await delivery.enqueue()
        await _reaches(delivery, message, "committing")
        for action in Action:
            with pytest.raises(MessageInFlight):
                await operate(database, action, message)
    assert "unknown" == await state_of(database, message)
    await operate(database, Action.CANCEL, message)
    assert "cancelled" == await state_of(database, message)


@pytest.mark.parametrize("action", [Action.RELEASE, Action.RESEND])
async def test_what_becomes_due_rings_every_worker(
    database: Database, server: SubmissionServer, action: Action
) -> None:
    """A worker that looks only when the bell rings sends it: on PostgreSQL the commit rings, in every process."""
    delivery = worker_on(database, server, "worker-1")
    async with delivery.running():
        if action is Action.RELEASE:
            message = await database.write(partial(_born_and_held, now_ms=delivery.clock.now_ms()))
        else:
            (message,) = await delivery.enqueue()
            await _reaches(delivery, message, "accepted")
        acted = await operate(database, action, message, now_ms=delivery.clock.now_ms())
        if not database.shared:
            delivery.ring.ring()  # as the process that wrote it does
        await _reaches(delivery, acted.shown, "accepted")


async def _reaches(delivery: Delivery, message: uuid.UUID, state: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await state_of(delivery.database, message) != state:
            pass


def _born_and_held(tx: Connection, now_ms: int) -> uuid.UUID:
    message = enqueue(tx, draft(), now_ms=now_ms, domain="gatepost.example").id
    act(tx, Action.HOLD, message, ADA, now_ms)
    return message
