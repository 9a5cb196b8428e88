"""What a bounce says about the address it came from. Pure."""

import re

from gatepost.feedback.fact import Bounce
from gatepost.transport.reply_statuses import NO_SUCH_ADDRESS

# class.subject.detail (RFC 3463, 2), of a failure.
_STATUS = re.compile(r"[45]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})")
_SAYS_NOTHING = frozenset({"4.0.0", "5.0.0"})
_OF_THE_MAILBOX = "2"  # the subject: full, disabled, …


def bounce_of(status: str | None, said: Bounce | None = None) -> Bounce:
    """Say what a bounce says about the address: by its status, and without one by the source's own word.

    A status is believed before the source: providers call a refusal for a rule of the server's own "hard" as well.

    Args:
        status: class.subject.detail (RFC 3463); what is none counts as none.
        said: what the source calls it. HARD only where it says that there is no such address, and for good.
    """
    if status is None or not _STATUS.fullmatch(status) or status in _SAYS_NOTHING:
        return said or Bounce.OTHER
    if status in NO_SUCH_ADDRESS:
        return Bounce.HARD
    return Bounce.SOFT if status.split(".")[1] == _OF_THE_MAILBOX else Bounce.OTHER
