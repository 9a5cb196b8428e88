"""Every fault of the catalogue: its entries, or the reason why it has none.

`test_catalogue.py` sees that none is forgotten. Each module of this folder may hold entries (made with `@fault`) and
`REASONS`: by number, why a fault cannot be injected here.
"""

import importlib
import pkgutil
from importlib.util import find_spec
from types import ModuleType

from tests.faults.entry import Entry

# Long runs of their own, a short form of which is an entry too.
_BESIDE = ("tests.faults.power_cuts", "tests.faults.sweep")


def _modules() -> tuple[ModuleType, ...]:
    here = [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)]
    return tuple(importlib.import_module(name) for name in [*here, *filter(find_spec, _BESIDE)])


MODULES = _modules()


def entries() -> list[Entry]:
    """All entries, by their numbers."""
    found = [value for module in MODULES for value in vars(module).values() if isinstance(value, Entry)]
    return sorted(found, key=lambda entry: (entry.numbers, entry.name))


def reasons() -> dict[int, str]:
    """By number: why a fault has no entry."""
    return {number: reason for module in MODULES for number, reason in getattr(module, "REASONS", {}).items()}
