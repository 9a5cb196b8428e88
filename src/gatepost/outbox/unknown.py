"""The policies for a message the server may have taken: `again` and `never_twice`."""

from gatepost.mail.draft import IfUnknown
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict

# When the copies go out after the try that may have been taken; then it stays `unknown` and is shown.
COPY_AFTER_S = (30, 600)


def perhaps_taken(if_unknown: IfUnknown, unknowns: int, now_ms: int, reason: str) -> Verdict:
    """The verdict on a message the server may have taken.

    Args:
        if_unknown: the message's policy.
        unknowns: how often this happened to it before.
        now_ms: wall time in milliseconds.
        reason: what broke off, for whoever looks.
    """
    copy_allowed = if_unknown is IfUnknown.AGAIN and unknowns < len(COPY_AFTER_S)
    due_at = now_ms + COPY_AFTER_S[unknowns] * 1000 if copy_allowed else None
    return Verdict(state=State.UNKNOWN, reason=reason, due_at=due_at, perhaps_taken=True)
