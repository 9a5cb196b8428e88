"""No code outside `database/` ends or begins a transaction by its own SQL text."""

import ast
from pathlib import Path

import gatepost

_WORDS = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE")


def raw_transactions(source: str) -> list[str]:
    """The string constants in `source` that are such a statement."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and text.strip(" ;\n").split(" ")[0] in _WORDS]


def test_only_the_database_writes_transaction_statements() -> None:
    """The words appear in no statement of the domain, where they would make half a group durable."""
    package = Path(gatepost.__file__).parent
    files = [file for file in package.rglob("*.py") if file.relative_to(package).parts[0] != "database"]
    assert {} == {str(file): found for file in files if (found := raw_transactions(file.read_text()))}
    assert files


def test_a_raw_commit_is_found() -> None:
    """The check sees what it looks for."""
    assert ["COMMIT"] == raw_transactions('tx.exec_driver_sql("COMMIT")')
