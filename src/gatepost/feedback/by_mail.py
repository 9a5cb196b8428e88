"""One mail that came to the return path, or from a feedback loop: the facts in it, or why there are none. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatepost.feedback.arf import read_arf
from gatepost.feedback.dsn import read_dsn
from gatepost.feedback.entity import MAX_MAIL_BYTES, read_entity
from gatepost.feedback.fact import Fact
from gatepost.feedback.report import find_report

TOO_LONG = f"is longer than {MAX_MAIL_BYTES:,} bytes and was not read"
NO_REPORT = "is no delivery report (RFC 3464) and no feedback report (RFC 5965)"
SAYS_NOTHING = "is a report that says nothing about whether a message arrived or was unwanted"


@dataclass(frozen=True)
class Read:
    """What was found in a mail.

    Args:
        facts: the facts.
        nothing: why there are none, as the end of a sentence about the mail; empty where there are.
    """

    facts: Sequence[Fact]
    nothing: str = ""


def read_mail(raw: bytes, *, keys: Sequence[bytes], now_ms: int) -> Read:
    """Read the facts in a mail; nothing in it is an error.

    Args:
        raw: the mail as it came, with either kind of line ends.
        keys: the subkeys of return paths, see `return_path.read`.
        now_ms: wall time in milliseconds.
    """
    if len(raw) > MAX_MAIL_BYTES:
        return Read((), TOO_LONG)
    report = find_report(read_entity(raw), keys, now_ms)
    facts = None
    if report is not None:
        facts = read_dsn(report)
        if facts is None:
            facts = read_arf(report)
    if facts is None:
        return Read((), NO_REPORT)
    return Read(facts, "" if facts else SAYS_NOTHING)
