"""Where a reply leads: one pure function from a reply and a message to a verdict."""

from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict
from gatepost.outbox.unknown import perhaps_taken
from gatepost.transport.reply import Outcome, Reply

_MINUTE_S, _HOUR_S = 60.0, 3600.0
# After each transient failure. The first few for a greylist or a moment's trouble; then a mailbox that is full, or a
# server that is down, is not asked again and again. The last one goes on until the message's end.
DELAYS_S = (
    *(5.0, 30.0, 2 * _MINUTE_S, 10 * _MINUTE_S, 30 * _MINUTE_S),
    *(1 * _HOUR_S, 2 * _HOUR_S, 4 * _HOUR_S, 8 * _HOUR_S, 16 * _HOUR_S, 24 * _HOUR_S),
)
JITTER = 0.2
# A server failed under this message and another can be used: the message goes to that one next.
ELSEWHERE_DELAY_S = 1.0
# A worker without its template: one that has it is there already, or comes with the upgrade that is under way.
FIRST_TEMPLATE_DELAY_S = 5.0
MAX_TEMPLATE_DELAY_S = 600.0


def judge(reply: Reply, claimed: Claimed, now_ms: int, chance: float, *, room: bool = True) -> Verdict:
    """Decide what follows from one try.

    Args:
        reply: how the try ended; not NOT_OURS, which is settled by somebody else.
        claimed: the message, with the counters it had when the try began.
        now_ms: wall time in milliseconds.
        chance: a random number in [0, 1) that spreads the retries of messages that failed together.
        room: whether any server can be used now.
    """
    match reply.outcome:
        case Outcome.ACCEPTED:
            return Verdict(state=State.ACCEPTED)
        case Outcome.PERMANENT:
            return Verdict(state=State.FAILED, reason="refused")
        case Outcome.UNKNOWN:
            return perhaps_taken(claimed.if_unknown, claimed.unknowns, now_ms, "no_final_reply")
        case Outcome.TRANSIENT:
            delay_s = DELAYS_S[min(claimed.attempts, len(DELAYS_S) - 1)]
            due_at = _later(claimed, delay_s, now_ms, chance)
            return Verdict(state=State.DEFERRED, reason="transient", due_at=due_at)
        case Outcome.UNREACHABLE:
            # An outage is not the message's fault: it keeps its place, so that the oldest goes first when it is over,
            # and nobody tries it before, because nothing is claimed while there is no room.
            due_at = _later(claimed, ELSEWHERE_DELAY_S, now_ms, chance) if room else min(claimed.created_at, now_ms)
            return Verdict(state=State.DEFERRED, reason="unreachable", due_at=due_at, counted=False)
        case Outcome.NOT_OURS:
            raise ValueError("a message that is no longer ours has no verdict")


def without_template(claimed: Claimed, now_ms: int, chance: float) -> Verdict:
    """Leave a message that this process has no template for to a process that has it; the arguments are `judge`'s."""
    delay_s = min(FIRST_TEMPLATE_DELAY_S * 2.0 ** min(claimed.claim_number - 1, 20), MAX_TEMPLATE_DELAY_S)
    due_at = _later(claimed, delay_s, now_ms, chance)
    return Verdict(state=State.DEFERRED, reason="template_unknown", due_at=due_at, counted=False)


def _later(claimed: Claimed, delay_s: float, now_ms: int, chance: float) -> int:
    # Never later than its end: it is looked at once more then, and found expired.
    return min(now_ms + round(delay_s * (1 - JITTER + 2 * JITTER * chance) * 1000), max(claimed.expires_at, now_ms))
