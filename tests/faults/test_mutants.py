"""The planted bugs can still be planted, and their faults still exist; `./run faults --mutants` plants them."""

import shutil
from pathlib import Path

import pytest

from tests.faults.every import chosen
from tests.faults.mutants import MUTANTS, ROOT, SOURCE, Mutant, plant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_bug_can_be_planted(mutant: Mutant, tmp_path: Path) -> None:
    """Each old text is there exactly once, the result is Python, and each fault that must go red is one entry."""
    for change in mutant.changes:
        target = tmp_path / "gatepost" / change.file
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / "gatepost" / change.file, target)
        plant(tmp_path, change)
        compile(target.read_text(), str(target), "exec")
    for catch in mutant.caught_by:
        if catch.is_test:
            assert Path(ROOT, catch.entry).exists()
        else:
            (entry,) = chosen(catch.entry)
            assert catch.database in entry.databases


def test_there_are_ten() -> None:
    """Those that the rig was built to catch."""
    assert 10 == len({mutant.name for mutant in MUTANTS})
