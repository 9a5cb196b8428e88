"""Faults of the disk under a SQLite file, and of the file itself."""

_LATER = "not injected yet"
REASONS: dict[int, str] = dict.fromkeys(range(27, 41), _LATER)
