"""A hundred thousand messages wait: the start does not wait for them, and they cost no memory."""

import sqlite3
from contextlib import closing
from pathlib import Path

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.conftest import MakeService
from tests.faults.hanging import Reached
from tests.faults.rest import register, tell
from tests.support.programs import resident_kib

WAITING = 100_000
SLOTS = 16
SENT = 1_000
MAX_GROWTH_KIB = 64 * 1024
READY_WITHIN_S = 5.0
MULTIPLY = """
    WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
    INSERT INTO messages ({columns}) SELECT {values} FROM messages, numbers WHERE template = 'welcome'
"""
OF_ITS_OWN = {
    "id": "randomblob(16)",
    "message_id": "'<' || number || '@waiting.example>'",
    "recipient": "'waiting-' || number || '@people.example'",
    "recipient_key": "'waiting-' || number || '@people.example'",
}


def test_a_hundred_thousand_waiting_messages_cost_neither_memory_nor_time(
    make_service: MakeService, mail: SubmissionServer
) -> None:
    """Ready in under 5 s, and the peak of the memory is less than 64 MiB above that with an empty outbox."""
    service = make_service(mail.port, WORKER_SLOTS=SLOTS, SHUTDOWN_GRACE_S=0)
    reached = Reached(mail, Step.EHLO, 2)
    service.start()
    service.wait_until_ready()
    assert 202 == register(service, "first@people.example")
    reached.wait()
    before_kib = resident_kib(service.pid, "VmHWM")
    assert 0 == service.stop()
    _multiply_the_welcome(service.database)
    mail.clear()
    reached = Reached(mail, Step.EHLO, SLOTS)

    service.start()
    ready_s = service.wait_until_ready()
    reached.wait()
    claimed_kib = resident_kib(service.pid, "VmHWM")
    mail.clear()
    mail.wait_for_blocking(SENT, 60)
    assert 200 == service.get("/metrics")[0]
    sending_kib = resident_kib(service.pid, "VmHWM")

    assert 0 == service.stop()
    tell(
        f"ready after {ready_s:.2f} s; peak {before_kib:,} KiB empty, {claimed_kib:,} claimed, {sending_kib:,} sending"
    )
    assert ready_s < READY_WITHIN_S
    assert claimed_kib - before_kib < MAX_GROWTH_KIB
    assert sending_kib - before_kib < MAX_GROWTH_KIB
    assert SLOTS >= mail.connections_max
    assert len(mail.messages) == len({message.message_id for message in mail.messages})


def _multiply_the_welcome(database: Path) -> None:
    """In SQL, while nothing runs: promising a hundred thousand one by one is not what is measured."""
    with closing(sqlite3.connect(database)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(messages)")]
        values = [OF_ITS_OWN.get(name, name) for name in columns]
        connection.execute(MULTIPLY.format(columns=", ".join(columns), values=", ".join(values)), [WAITING])
