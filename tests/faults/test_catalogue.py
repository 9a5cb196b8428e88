"""Chosen faults of the catalogue, one test each and database; `./run faults --all` runs every one there is."""

import os
import random
from collections.abc import Callable

import pytest

from tests.faults.catalogue import entries, reasons
from tests.faults.catalogue.numbers import FAULTS
from tests.faults.entry import Database, Entry
from tests.faults.running import run
from tests.support.postgresql import Cluster

CHOSEN = [pytest.param(entry, database, id=f"{entry.id}-{database}") for entry in entries() for database in entry.ci]


@pytest.mark.parametrize(("entry", "database"), CHOSEN)
def test_nothing_is_lost_or_wrong_after(
    entry: Entry,
    database: Database,
    lazy_cluster: Callable[[], Cluster],
    record_property: Callable[[str, object], None],
) -> None:
    """The fault is injected into real processes, and what they promised holds."""
    if missing := entry.missing():
        pytest.skip(f"this machine lacks {' and '.join(missing)}")
    seed = int(os.environ.get("FAULTS_SEED", 0)) or random.randrange(1, 1_000_000)
    try:
        rig, seconds = run(entry, database, seed, lazy_cluster)
    except Exception as failure:
        again = f"./run faults --all --only {entry.id} --database {database} --seed {seed}"
        raise AssertionError(f"again with {again}\n{failure}") from failure
    record_property("seconds", round(seconds, 1))
    record_property("figures", str(rig.figures))


def test_every_fault_has_an_entry_or_a_reason() -> None:
    """No number of the catalogue is forgotten, and none has both without saying so."""
    injected = {number for entry in entries() for number in entry.numbers}

    assert set(range(1, 99)) == set(FAULTS)
    assert set(FAULTS) == injected | set(reasons())
    assert set() == injected & set(reasons()), "an entry makes the reason void"


def test_entries_can_be_told_apart() -> None:
    """`--only` names one entry, and each says where it runs and what it shows."""
    found = entries()

    assert len(found) == len({entry.id for entry in found})
    assert [] == [entry.id for entry in found if not entry.databases or not entry.shows]
    assert [] == [entry.id for entry in found if not set(entry.ci) <= set(entry.databases)]
