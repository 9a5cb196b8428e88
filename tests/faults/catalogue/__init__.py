"""Every fault of the catalogue: its entries, or the reason why it has none.

`test_catalogue.py` sees that none is forgotten. Each module holds entries (made with `@fault`) and may hold `REASONS`:
by number, why a fault cannot be injected here.
"""

from types import ModuleType

from tests.faults.catalogue import clocks, disk, edges, postgresql, processes, smtp, stops
from tests.faults.entry import Entry

MODULES: tuple[ModuleType, ...] = (processes, stops, clocks, disk, postgresql, smtp, edges)


def entries() -> list[Entry]:
    """All entries, by their numbers."""
    found = [value for module in MODULES for value in vars(module).values() if isinstance(value, Entry)]
    return sorted(found, key=lambda entry: (entry.numbers, entry.name))


def reasons() -> dict[int, str]:
    """By number: why a fault has no entry."""
    return {number: reason for module in MODULES for number, reason in getattr(module, "REASONS", {}).items()}
