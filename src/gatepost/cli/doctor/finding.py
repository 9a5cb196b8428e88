"""What one check found: how it is, in words, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"  # it works, and should be looked at
    WRONG = "wrong"  # mail is lost, refused or late because of it, or nothing starts
    SKIPPED = "skipped"  # it cannot be known here; why stands there


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: which one, a word or two.
        verdict: how it is.
        found: what was found, a clause.
        advice: what to do; empty where nothing is to be done.
    """

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It works, and should be looked at."""
    return Finding(check, Verdict.WARNING, found, advice)


def wrong(check: str, found: str, advice: str) -> Finding:
    """Something does not work because of it."""
    return Finding(check, Verdict.WRONG, found, advice)


def skipped(check: str, why: str, advice: str = "") -> Finding:
    """It cannot be known here."""
    return Finding(check, Verdict.SKIPPED, why, advice)
