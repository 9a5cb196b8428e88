"""docs/reference/mail-rules.md against the linter."""

import ast
from collections.abc import Iterator

from gatepost.mail.linter.rules_message import CLIPPED_BYTES, LARGE_BYTES, MAX_SUBJECT_CHARACTERS
from gatepost.mail.samples import SAMPLES
from tests.docs.pages import REFERENCE, code_words, rows, section
from tests.docs.source import argument, calls

PAGE = (REFERENCE / "mail-rules.md").read_text("utf-8")


def test_every_rule_is_listed_with_how_bad_it_is() -> None:
    """And no rule that is none."""
    listed = {(code_words(cells[0])[0], cells[1]) for cells in rows(section(PAGE, "Rules"))}
    found = {(rule, bad) for bad in ("error", "warning") for call in _told(bad) for rule in argument(call, 0, "rule")}
    assert listed == found


def _told(bad: str) -> Iterator[ast.Call]:
    return calls(bad, "mail/linter/")


def test_every_sample_is_listed() -> None:
    """In their order."""
    assert list(SAMPLES) == [code_words(cells[0])[0] for cells in rows(section(PAGE, "Samples"))]


def test_the_bounds_are_those_of_the_rules() -> None:
    """Subject and sizes."""
    for bound in (f"{MAX_SUBJECT_CHARACTERS} characters", f"{LARGE_BYTES // 1024} KiB", f"{CLIPPED_BYTES // 1024} KiB"):
        assert bound in PAGE
