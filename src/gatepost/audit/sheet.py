"""Deeds as comma-separated values (RFC 4180) that a spreadsheet shows and never computes. Pure.

Reasons are typed by people who repeat what strangers told them: a cell that begins like a formula would be run on the
machine of whoever opens the file (OWASP, CSV injection).
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from gatepost.audit.read import DeedRow
from gatepost.clock import iso

TITLES = tuple(DeedRow.__dataclass_fields__)
# Also in the wide forms that an input method types, which some programs take for the same.
_BEGINS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def cell(value: object) -> str:
    """Write one value so that a spreadsheet takes it for text: with a quote before what begins like a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_BEGINS_A_FORMULA) else text


def sheet(rows: Iterable[DeedRow]) -> str:
    """Write deeds as one file with a line of titles; instants are RFC 3339 in UTC."""
    return table(TITLES, ((one.id, iso(one.at), *astuple(one)[2:]) for one in rows))


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table with every cell quoted: no value ends its cell or its line."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(titles)
    writer.writerows([cell(value) for value in row] for row in rows)
    return written.getvalue()
