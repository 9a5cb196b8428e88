"""docs/reference/security.md and the tests it names; `python -m tests.security.mapping` writes their column anew.

Tests are found in the text of the files, not by importing them.
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "security.md"

_NAME = re.compile(r"test_s(\d+)_\w+")
_ROW = re.compile(r"^\| S(\d+) \|")
_LINK = re.compile(r"\[([\w/]+)\]\(\.\./\.\./(tests/[\w/]+\.py)\)")

Tests = dict[int, dict[str, list[str]]]  # line → file → functions


def found() -> Tests:
    """Every test that bears the number of a line, by number and file."""
    tests: Tests = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (name := _NAME.fullmatch(node.name)):
                tests[int(name[1])][file].append(node.name)
    return {line: dict(files) for line, files in sorted(tests.items())}


def rows(page: str) -> dict[int, list[str]]:
    """The cells of each row by its line's number: asked, what Gatepost does, tests."""
    cells = {}
    for text in page.splitlines():
        if row := _ROW.match(text):
            number = int(row[1])
            assert number not in cells, f"S{number} has two rows"
            cells[number] = [cell.strip() for cell in text.strip().strip("|").split(" |")][1:]
            assert len(cells[number]) == 3, f"S{number} has not four cells"
    return cells


def named(cell: str) -> dict[str, list[str]]:
    """The tests a cell names, by file."""
    tests = {}
    for part in cell.split("<br>"):
        if link := _LINK.match(part.strip()):
            tests[link[2]] = re.findall(r"`(\w+)`", part)
    return tests


def cell(files: dict[str, list[str]]) -> str:
    """The tests of one line as the page names them."""
    return "<br>".join(
        f"[{file.removeprefix('tests/').removesuffix('.py')}](../../{file}): {' '.join(f'`{name}`' for name in names)}"
        for file, names in files.items()
    )


def rewritten(page: str) -> str:
    """The page with the tests there are; rows without any keep what their cell says."""
    tests, lines = found(), []
    for text in page.splitlines():
        row = _ROW.match(text)
        if row and (files := tests.get(int(row[1]))):
            before = text.strip().strip("|").split(" |")[:3]
            text = "|" + " |".join(before) + f" | {cell(files)} |"
        lines.append(text)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
    without = sorted(set(rows(PAGE.read_text())) - set(found()))
    sys.stdout.write(f"without a test: {' '.join(f'S{line}' for line in without) or 'none'}\n")
