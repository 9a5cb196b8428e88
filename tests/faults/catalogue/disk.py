"""Faults of the disk under a SQLite file, and of the file itself."""

_LATER = "not injected yet"
REASONS: dict[int, str] = dict.fromkeys([2, *range(26, 41), 45], _LATER)
