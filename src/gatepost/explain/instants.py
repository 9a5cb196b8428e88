"""Instants as a sentence says them: the time alone while it is the same day. Pure."""

from gatepost.clock import minute


def moment(at_ms: int, now_ms: int) -> str:
    """Write an instant in UTC: "14:05 UTC", or "2026-11-23 14:05 UTC" where it was another day."""
    text = minute(at_ms)
    return text[11:] if text[:10] == minute(now_ms)[:10] else text
