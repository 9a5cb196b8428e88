"""The rig itself can fail: what hangs, comes too early, loops or moves against the rules is noticed."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gatepost.database.sqlite import SqliteDatabase
from tests.faults import table
from tests.faults.catalogue import entries
from tests.faults.entry import fault
from tests.faults.every import Outcome, chosen
from tests.faults.rig import Rig
from tests.faults.running import TookTooLong, run
from tests.support.outbox import draft, enqueue_all
from tests.support.tables import SqliteTables
from tests.support.template import place_witnessed_file
from tests.support.witness import LEGAL, Witness

SHORT_S = 0.1
FAR_MS = 4_000_000_000_000
CLAIM = "UPDATE messages SET state='sending', owner='me:1:1', claim_number=claim_number+1, due_at=NULL, reason=NULL"
GIVE_BACK = "UPDATE messages SET state='queued', owner=NULL, due_at=1, reason='stopped'"
DEFER = f"UPDATE messages SET state='deferred', owner=NULL, due_at={FAR_MS}, reason='transient'"


def test_a_run_that_hangs_ends_at_its_deadline() -> None:
    """Its parts are closed, which ends whatever waits for them, and the run has failed."""

    @fault(1, name="hangs", shows="I7", deadline_s=SHORT_S)
    def hangs(rig: Rig) -> None:
        closed = threading.Event()
        rig._ends.callback(closed.set)
        closed.wait()

    with pytest.raises(TookTooLong, match="1-hangs"):
        run(hangs, "sqlite", 1, pytest.fail)


@pytest.fixture
async def witness(tmp_path: Path) -> Witness:
    """One queued message, and who watches it."""
    path = tmp_path / "gatepost.db"
    place_witnessed_file(path)
    database = await SqliteDatabase.open(path, wait_for_owner_s=0)
    await enqueue_all(database, draft())
    await database.close()
    return Witness(SqliteTables(path))


def _do(witness: Witness, *statements: str) -> None:
    """All in one transaction, so that they happen within the second whatever else the machine does."""
    assert isinstance(witness.tables, SqliteTables)
    with closing(sqlite3.connect(witness.tables.path, isolation_level=None)) as connection:
        for statement in ("BEGIN", *statements, "COMMIT"):
            connection.execute(statement)


def test_a_try_before_its_time_is_noticed(witness: Witness) -> None:
    """A message that failed for now is tried at its time, not at the next opportunity."""
    _do(witness, CLAIM, DEFER)
    assert [] == witness.wrong(LEGAL)
    _do(witness, CLAIM)
    assert ["before it was due" in sentence for sentence in witness.wrong(LEGAL)] == [True]


def test_a_hot_loop_is_noticed(witness: Witness) -> None:
    """More than five tries of one message in a second, whatever gives it back."""
    _do(witness, *[CLAIM, GIVE_BACK] * 5)
    assert [] == witness.wrong(LEGAL)
    _do(witness, CLAIM)
    assert ["within a second" in sentence for sentence in witness.wrong(LEGAL)] == [True]


def test_a_claim_that_skips_a_number_is_noticed(witness: Witness) -> None:
    """Each claim has the next number: it is the fence for every later write."""
    _do(witness, CLAIM, GIVE_BACK, CLAIM.replace("claim_number+1", "claim_number+2"))
    assert ["with claim 1" in sentence for sentence in witness.wrong(LEGAL)] == [True]


def test_the_table_keeps_the_rows_of_other_runs(tmp_path: Path) -> None:
    """A run of one fault replaces its rows, and says when and where."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\n{table.END}\nafter\n")
    first, second = entries()[0], entries()[1]
    table.write(page, [Outcome(first, "sqlite", seconds=[1.0]), Outcome(second, "sqlite", seconds=[2.0])])
    table.write(page, [Outcome(first, "sqlite", seconds=[3.0], failures={7: "lost"})])

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert 1 == text.count(f"| {first.name} | SQLite | 2 | 1 | 3.0 s |")
    assert 1 == text.count(f"| {second.name} | SQLite | 1 | 0 | 2.0 s |")


def test_only_names_entries_by_number_or_by_a_part_of_their_name() -> None:
    """`--only 5` is not 15 or 55; `--only 5-` and words are looked for in the name."""
    assert {(5,)} == {entry.numbers for entry in chosen("5")}
    assert {(5,), (10,)} == {entry.numbers for entry in chosen("5, 10")}
    assert {"8-SIGTERM-while-idle"} == {entry.id for entry in chosen("SIGTERM-while-idle")}
    assert entries() == chosen("")
