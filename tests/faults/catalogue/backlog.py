"""A hundred thousand messages wait at the start."""

import time

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.hanging import Reached
from tests.faults.rest import register
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.programs import resident_kib
from tests.support.tables import SqliteTables, Tables

WAITING = 100_000
SLOTS = 18
OF_ONE_DOMAIN = 16  # the lane of a domain that is alone
SENT = 1_000
MAX_GROWTH_KIB = 64 * 1024
READY_WITHIN_S = 5.0
_MULTIPLY = f"""
    WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {WAITING})
    INSERT INTO messages ({{columns}})
    SELECT {{values}} FROM (SELECT * FROM messages WHERE template = 'welcome' LIMIT 1) AS welcome, numbers"""
_ADDRESS = "'waiting-' || number || '@domain-' || (number % 40) || '.example'"
_OF_ITS_OWN = {
    "message_id": "'<' || number || '@waiting.example>'",
    "recipient": _ADDRESS,
    "recipient_key": _ADDRESS,
    "recipient_domain": "'domain-' || (number % 40) || '.example'",
}


@fault(98, name="a hundred thousand messages wait", shows="I6 I7", databases=BOTH, ci=SQLITE, deadline_s=240)
def a_hundred_thousand_wait(rig: Rig) -> None:
    """Ready in under 5 s, and the peak of the memory is less than 64 MiB above that with an empty outbox."""
    mail = rig.mail_server()
    system = rig.system(mail, fronts=1, workers=1, slots=SLOTS, SHUTDOWN_GRACE_S=0)
    reached = Reached(mail, Step.EHLO, 2)
    rig.start(system)
    assert 202 == register(system.fronts[0], "first@people.example")
    reached.wait()
    before_kib = _peaks_kib(system)
    assert 0 == system.stop(), system.text
    _multiply_the_welcome(system.tables)
    mail.clear()
    reached = Reached(mail, Step.EHLO, OF_ONE_DOMAIN)

    began = time.monotonic()
    system.start()
    ready_s = time.monotonic() - began
    reached.wait()
    claimed_kib = _peaks_kib(system)
    mail.clear()
    mail.wait_for_blocking(SENT, 60)
    assert 200 == system.fronts[0].get("/metrics")[0]
    sending_kib = _peaks_kib(system)
    assert 0 == system.stop(), system.text

    rig.tell(ready_s=round(ready_s, 2), empty_kib=before_kib, claimed_kib=claimed_kib, sending_kib=sending_kib)
    assert ready_s < READY_WITHIN_S
    assert max(claimed_kib, sending_kib) - before_kib < MAX_GROWTH_KIB
    assert SLOTS >= mail.connections_max
    assert _nothing_twice(mail)


def _peaks_kib(system: System) -> int:
    return max(resident_kib(program.pid, "VmHWM") for program in system.programs)


def _multiply_the_welcome(tables: Tables) -> None:
    """In SQL, while nothing runs: promising a hundred thousand one by one is not what is measured."""
    if isinstance(tables, SqliteTables):
        columns = [row[1] for row in tables.read("PRAGMA table_info(messages)")[0]]
        new_id = "randomblob(16)"
    else:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = 'gatepost.messages'::regclass AND attnum > 0"
        columns = [name for (name,) in tables.read(query)[0]]
        new_id = "uuid_send(gen_random_uuid())"
    own = {**_OF_ITS_OWN, "id": new_id}
    values = ", ".join(own.get(name, f"welcome.{name}") for name in columns)
    tables.change(_MULTIPLY.format(columns=", ".join(columns), values=values))
    ((count,),) = tables.read("SELECT count(*) FROM messages")[0]
    assert count > WAITING


def _nothing_twice(mail: SubmissionServer) -> bool:
    return len(mail.messages) == len({message.message_id for message in mail.messages})
