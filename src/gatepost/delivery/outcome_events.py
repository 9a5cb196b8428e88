"""From a settled try to the event that tells of it."""

from gatepost.events import (
    MessageAccepted,
    MessageCancelled,
    MessageDeferred,
    MessageEvent,
    MessageExpired,
    MessageFailed,
    MessageGivenBack,
    MessageHeld,
    MessageSuppressed,
    MessageUnknown,
)
from gatepost.mail.address import mask_address
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict

_EVENTS: dict[State, type[MessageEvent]] = {
    State.ACCEPTED: MessageAccepted,
    State.DEFERRED: MessageDeferred,
    State.FAILED: MessageFailed,
    State.UNKNOWN: MessageUnknown,
    State.EXPIRED: MessageExpired,
    State.CANCELLED: MessageCancelled,
    State.HELD: MessageHeld,
    State.SUPPRESSED: MessageSuppressed,
    State.QUEUED: MessageGivenBack,
}


def attempt_event(claimed: Claimed, verdict: Verdict, tried: Try | None, now_ms: int) -> MessageEvent:
    """Tell how one claim ended; `tried` is None when nothing was tried."""
    return _EVENTS[verdict.state](
        message=str(claimed.id),
        template=claimed.template,
        recipient=mask_address(claimed.recipient),
        claim_number=claimed.claim_number,
        attempt=claimed.attempts + (1 if verdict.counted else 0),
        account_id=str(claimed.account_id) if claimed.account_id else None,
        request_id=claimed.request_id,
        traceparent=claimed.traceparent,
        started_at=tried.started_at if tried else None,
        phase=tried.phase if tried else None,
        outcome=tried.outcome if tried else None,
        reply_code=tried.reply_code if tried else None,
        enhanced_status=tried.enhanced_status if tried else None,
        reply_text=tried.reply_text if tried else None,
        server=tried.server if tried else None,
        duration_ms=tried.duration_ms or 0 if tried else 0,
        since_enqueued_ms=now_ms - claimed.created_at,
        due_in_ms=verdict.due_at - now_ms if verdict.due_at is not None else None,
        reason=verdict.reason,
    )
