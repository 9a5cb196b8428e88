"""The connection that hears the bell dies: the poll delivers meanwhile, and the bell is heard again by itself."""

import asyncio
import time

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.conftest import MakeInstallation
from tests.faults.rest import register, stopped_books
from tests.support.installation import ROLE, Installation
from tests.support.tables import PostgresqlTables
from tests.support.witness import Witness

DELIVERED_WITHIN_S = 10.0
RESTORED_WITHIN_S = 30.0
POLL_S = 0.05
# The poll comes once a second: it would never claim several in a row, each asked for when the last has gone, so soon.
IN_A_ROW, SOON_S, ROUNDS = 5, 0.25, 3
_FORBID_SESSIONS = f"ALTER ROLE {ROLE} CONNECTION LIMIT 0"
_ALLOW_SESSIONS = f"ALTER ROLE {ROLE} CONNECTION LIMIT -1"
_LISTENING = """SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query ILIKE 'LISTEN %' AND pid <> pg_backend_pid()"""


async def test_a_lost_bell_is_replaced_and_nothing_waits_for_it(
    make_installation: MakeInstallation, mail: SubmissionServer
) -> None:
    """Its session is ended and may not come back: the poll delivers. When it may, it is heard at once again."""
    installation = make_installation(fronts=1, workers=1, WELCOME="off")
    await asyncio.to_thread(installation.start)
    witness = Witness(installation.tables)
    await asyncio.to_thread(witness.begin)
    assert 202 == await asyncio.to_thread(register, installation.fronts[0], "bell@people.example")
    await mail.wait_for(1, DELIVERED_WITHIN_S)

    await asyncio.to_thread(_end_listening, installation.tables)
    try:
        assert 202 == await asyncio.to_thread(register, installation.fronts[0], "poll@people.example")
        await mail.wait_for(2, DELIVERED_WITHIN_S)
    finally:
        await asyncio.to_thread(installation.tables.change, _ALLOW_SESSIONS)
    await asyncio.to_thread(_wait_until_somebody_listens, installation.tables)

    slowest_s = [await asyncio.to_thread(_slowest_claim, installation, witness, mail, one) for one in range(ROUNDS)]
    assert min(slowest_s) < SOON_S
    promised = {
        "bell@people.example",
        "poll@people.example",
        *(_address(one, two) for one in range(ROUNDS) for two in range(IN_A_ROW)),
    }
    await asyncio.to_thread(stopped_books, installation, mail, promised, ["verification"])
    assert [] == await asyncio.to_thread(witness.wrong)


def _end_listening(tables: PostgresqlTables) -> None:
    """End the session that listens; those that are open otherwise stay, and no new one begins."""
    tables.change(_FORBID_SESSIONS)
    (listening,) = tables.read(_LISTENING)
    assert listening, "nobody listens"
    for (pid,) in listening:
        tables.read(f"SELECT pg_terminate_backend({pid}, 10000)")


def _wait_until_somebody_listens(tables: PostgresqlTables) -> None:
    give_up_at = time.monotonic() + RESTORED_WITHIN_S
    while not tables.read(_LISTENING)[0]:
        assert time.monotonic() < give_up_at, "nobody listens again"
        time.sleep(POLL_S)  # a session that listens tells nobody


def _slowest_claim(installation: Installation, witness: Witness, mail: SubmissionServer, one_round: int) -> float:
    """Register some, one after the other; returns how long the slowest waited for its claim by the database's clock."""
    for number in range(IN_A_ROW):
        received = len(mail.messages)
        assert 202 == register(installation.fronts[0], _address(one_round, number))
        mail.wait_for_blocking(received + 1, DELIVERED_WITHIN_S)
    born, claimed = {}, {}
    for move in witness.moves():
        if move.before is None:
            born[move.recipient] = move.at
        elif move.after == "sending":
            claimed[move.recipient] = move.at
    addresses = [_address(one_round, number) for number in range(IN_A_ROW)]
    return max(claimed[address] - born[address] for address in addresses)


def _address(one_round: int, number: int) -> str:
    return f"{one_round}-{number}@people.example"
