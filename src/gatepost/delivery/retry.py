"""Where a reply leads: one pure function from a reply and a message to a verdict."""

from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict
from gatepost.outbox.unknown import perhaps_taken
from gatepost.transport.reply import Outcome, Reply

FIRST_DELAY_S = 5.0
MAX_DELAY_S = 3600.0
# An outage is not the message's fault: once the server is back, nothing should wait for an hour.
MAX_UNREACHABLE_DELAY_S = 60.0
# Nor is a worker without its template: one that has it is there already, or comes with the upgrade that is under way.
MAX_TEMPLATE_DELAY_S = 600.0
JITTER = 0.2


def judge(reply: Reply, claimed: Claimed, now_ms: int, chance: float) -> Verdict:
    """Decide what follows from one try.

    Args:
        reply: how the try ended; not NOT_OURS, which is settled by somebody else.
        claimed: the message, with the counters it had when the try began.
        now_ms: wall time in milliseconds.
        chance: a random number in [0, 1) that spreads the retries of messages that failed together.
    """
    match reply.outcome:
        case Outcome.ACCEPTED:
            return Verdict(state=State.ACCEPTED)
        case Outcome.PERMANENT:
            return Verdict(state=State.FAILED, reason="refused")
        case Outcome.UNKNOWN:
            return perhaps_taken(claimed.if_unknown, claimed.unknowns, now_ms, "no_final_reply")
        case Outcome.TRANSIENT:
            longest_s = MAX_DELAY_S
        case Outcome.UNREACHABLE:
            longest_s = MAX_UNREACHABLE_DELAY_S
        case Outcome.NOT_OURS:
            raise ValueError("a message that is no longer ours has no verdict")
    due_at = _due_at(claimed, claimed.attempts, longest_s, now_ms, chance)
    return Verdict(state=State.DEFERRED, reason=str(reply.outcome), due_at=due_at)


def without_template(claimed: Claimed, now_ms: int, chance: float) -> Verdict:
    """Leave a message that this process has no template for to a process that has it; the arguments are `judge`'s."""
    due_at = _due_at(claimed, claimed.claim_number - 1, MAX_TEMPLATE_DELAY_S, now_ms, chance)
    return Verdict(state=State.DEFERRED, reason="template_unknown", due_at=due_at, counted=False)


def _due_at(claimed: Claimed, times: int, longest_s: float, now_ms: int, chance: float) -> int:
    delay_s = min(FIRST_DELAY_S * 2.0 ** min(times, 20), longest_s) * (1 - JITTER + 2 * JITTER * chance)
    # Never later than its end: it is claimed once more then, and found expired.
    return min(now_ms + round(delay_s * 1000), max(claimed.expires_at, now_ms))
