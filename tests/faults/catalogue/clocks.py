"""Faults of the wall clock."""

_LATER = "not injected yet"
REASONS: dict[int, str] = dict.fromkeys([*range(21, 25)], _LATER)
