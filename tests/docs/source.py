"""Reading the package's own source: which texts the code can hand over or return."""

import ast
from collections.abc import Iterator
from pathlib import Path

import gatepost

_PACKAGE = Path(gatepost.__file__).parent
TREES = {path.relative_to(_PACKAGE).as_posix(): ast.parse(path.read_text()) for path in _PACKAGE.rglob("*.py")}


def nodes(within: str = "") -> Iterator[ast.AST]:
    """Every node of every module, or of those below one folder of the package."""
    for path, tree in TREES.items():
        if path.startswith(within):
            yield from ast.walk(tree)


def calls(name: str, within: str = "") -> Iterator[ast.Call]:
    """Every call of a function or method of this name in the package, or below one folder of it."""
    for node in nodes(within):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if called == name:
                yield node


def texts(node: ast.AST | None) -> set[str]:
    """The texts a node may be, looking through `a if b else c` and `a or b`."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return texts(node.body) | texts(node.orelse)
        case ast.BoolOp():
            return {text for value in node.values for text in texts(value)}
    return set()


def argument(call: ast.Call, place: int, name: str) -> set[str]:
    """The texts one argument may be."""
    if len(call.args) > place:
        return texts(call.args[place])
    return next((texts(keyword.value) for keyword in call.keywords if keyword.arg == name), set())


def returned(function: str) -> set[str]:
    """The texts a function of this name may return."""
    found = set()
    for node in nodes():
        if isinstance(node, ast.FunctionDef) and node.name == function:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return):
                    found |= texts(inner.value)
    return found
