"""docs/reference/errors.md against the code."""

import inspect
import re
from pathlib import Path

import gatepost
from gatepost import errors
from gatepost.web.problems import PROBLEMS
from gatepost.web.validation import _KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text()
SOURCES = [path.read_text() for path in Path(gatepost.__file__).parent.rglob("*.py")]


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by what stands in their first cell between backticks."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", cells[0]) if line.startswith("|") else []:
            found[name] = cells
    return found


def test_every_problem_is_documented_with_its_status():
    """The table of problems is the table in the code, no row more and none less."""
    documented = {code: cells[1] for code, cells in rows("Problems").items()}
    statuses = {code: str(row.status) for code, row in PROBLEMS.items()}
    assert documented == {**statuses, "http_error": "any"}


def test_every_error_class_is_documented():
    """Each class of the tree of errors has its row."""
    classes = {
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert set(rows("Exceptions")) == classes


def test_every_code_of_a_field_is_documented():
    """Each code that stands in a FieldError anywhere in the package has its row."""
    used = {code for source in SOURCES for code in re.findall(r'FieldError\([^,()]+, "(\w+)"', source)}
    assert set(rows("Codes of fields")) == used | {code for _, code, _ in _KINDS}


def test_the_problem_named_for_an_exception_is_its_problem():
    """What the table of exceptions says about HTTP is what the code answers."""
    for name, cells in rows("Exceptions").items():
        for code in re.findall(r"`(\w+)`", cells[2]):
            assert code in PROBLEMS, name
