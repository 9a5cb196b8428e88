"""Poison, storms, and clients that do strange things."""

_LATER = "not injected yet"
REASONS: dict[int, str] = dict.fromkeys([*range(88, 99)], _LATER)
