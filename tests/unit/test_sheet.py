"""Deeds as a file for a spreadsheet: shown, never computed."""

import csv
import io
import uuid

import pytest

from gatepost.audit.read import DeedRow
from gatepost.audit.sheet import TITLES, cell, sheet

ID, SUBJECT = uuid.UUID(int=1), uuid.UUID(int=2)


def _deed(reason: str | None, actor: str = "operator mira") -> DeedRow:
    return DeedRow(ID, 1_795_489_922_572, actor, "resend", SUBJECT, None, "failed", "failed", reason, None)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "  @"])
def test_s109_what_begins_like_a_formula_is_text(begin: str) -> None:
    """A quote stands before it, so a spreadsheet shows it and runs nothing."""
    hostile = f'{begin}cmd|" /C calc"!A0'
    assert f"'{hostile}" == cell(hostile)


@pytest.mark.parametrize("text", ["told on the phone", "1+1", "a=b", "mira@example.com", "'quoted'", "", "…"])
def test_s109_what_begins_otherwise_stays_as_it_is(text: str) -> None:
    """Nothing is changed that a spreadsheet takes for text by itself."""
    assert text == cell(text)
    assert "" == cell(None)


@pytest.mark.parametrize("hostile", ['"', '","=1+1', "\r\n=1+1", "a\nb", ";=1+1", '\r\n"=1+1"'])
def test_s109_no_value_ends_its_cell_or_its_line(hostile: str) -> None:
    """Read again, the file has the same cells: whatever a reason holds stays inside of its own."""
    rows = list(csv.reader(io.StringIO(sheet([_deed(hostile), _deed("last")]), newline="")))
    assert [list(TITLES), 10, 10] == [rows[0], *(len(row) for row in rows[1:])]
    assert [cell(hostile), "last"] == [row[TITLES.index("reason")] for row in rows[1:]]


def test_a_deed_is_one_line_of_plain_values() -> None:
    """Instants are RFC 3339, ids as everywhere, and nothing stands for what there is not."""
    line = sheet([_deed("=why")]).split("\r\n")[1]
    expected = (
        "2026-11-24T03:12:02.572Z",
        "operator mira",
        "resend",
        str(SUBJECT),
        "",
        "failed",
        "failed",
        "'=why",
        "",
    )
    assert ",".join(f'"{one}"' for one in (str(ID), *expected)) == line
