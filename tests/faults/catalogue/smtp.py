"""Faults of the mail server and of the line to it."""

_LATER = "not injected yet"
REASONS: dict[int, str] = dict.fromkeys([*range(55, 88)], _LATER)
