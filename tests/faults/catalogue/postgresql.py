"""Faults of PostgreSQL and of the line to it."""

_LATER = "not injected yet"
REASONS: dict[int, str] = dict.fromkeys([41, 42, 43, 44, *range(46, 55)], _LATER)
