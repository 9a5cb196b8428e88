"""docs/reference/security.md maps every line to its tests, and nothing in it is made up."""

import re

import pytest

from tests.security.mapping import PAGE, cell, found, named, rewritten, rows

# What the product is held to; the numbers between belong to parts that come with their own work.
MUST = {
    *range(1, 12), *range(13, 17), *range(18, 41), 42, 43, 44, *range(46, 56), 57, *range(60, 72), *range(73, 78),
    80, 81, *range(85, 90), *range(94, 103), *range(103, 110), 113, 114, *range(115, 123),
}  # fmt: skip
SHOULD = {17, 45, 56, 78}
ROWS = rows(PAGE.read_text())
FOUND = found()


def test_the_page_has_a_row_for_every_line() -> None:
    """Asked, done, shown: no line is forgotten, and each row says what is asked and what is done about it."""
    assert set() == (MUST | SHOULD) - set(ROWS)
    assert [] == [line for line, (asked, done, _) in ROWS.items() if len(asked) < 10 or len(done) < 5]
    assert SHOULD <= {line for line, (asked, _, _) in ROWS.items() if asked.startswith("*should*")}
    assert set() == MUST & {line for line, (asked, _, _) in ROWS.items() if asked.startswith("*should*")}


@pytest.mark.parametrize("line", sorted(MUST), ids=lambda line: f"S{line:02}")
def test_every_must_has_a_test(line: int) -> None:
    """At least one test bears its number."""
    assert line in FOUND


@pytest.mark.parametrize("line", sorted(set(ROWS) - MUST), ids=lambda line: f"S{line:02}")
def test_every_should_has_a_test_or_a_reason(line: int) -> None:
    """Where there is none the last cell says why."""
    assert line in FOUND or len(ROWS[line][2]) > 20


def test_every_test_stands_under_its_line() -> None:
    """`python -m tests.security.mapping` writes the column anew."""
    assert set() == set(FOUND) - set(ROWS)
    assert [] == [line for line, files in FOUND.items() if cell(files) != ROWS[line][2]]


def test_every_test_the_page_names_exists() -> None:
    """File and function; a test that was renamed or moved leaves no trace."""
    told = {line: named(cells[2]) for line, cells in ROWS.items()}
    words = re.findall(r"`(test_s\d+_\w+)`", PAGE.read_text())
    assert len(words) == sum(len(names) for files in told.values() for names in files.values())
    gone = [
        (line, file, name)
        for line, files in told.items()
        for file, names in files.items()
        for name in names
        if name not in FOUND.get(line, {}).get(file, [])
    ]
    assert [] == gone


def test_no_test_has_the_name_of_another() -> None:
    """Within a file the later one would replace the earlier."""
    assert [] == [
        name for files in FOUND.values() for names in files.values() for name in names if names.count(name) > 1
    ]


def test_the_map_notices_what_is_missing() -> None:
    """A row whose test went, a test that stands nowhere: both are told apart from what is right."""
    page = "| S31 | *must* hold | done | [x](../../tests/x.py): `test_s31_gone` |\n"
    assert {"tests/x.py": ["test_s31_gone"]} == named(rows(page)[31][2])
    assert "test_s31_gone" not in rewritten(page)
    assert "test_s31_one_of_100_parallel_redemptions_wins" in rewritten(page)
