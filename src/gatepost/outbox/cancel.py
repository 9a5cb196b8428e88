"""Messages that are no longer wanted because their token is void."""

from collections.abc import Sequence

from sqlalchemy import Connection, update

from gatepost.outbox.lifecycle import WAITING, State
from gatepost.outbox.tables import messages


def cancel_waiting(tx: Connection, token_ids: Sequence[bytes], reason: str, now_ms: int) -> None:
    """Cancel what still waits to carry one of these tokens. What may have been taken stays `unknown`, uncopied."""
    if not token_ids:
        return
    of_tokens = messages.c.token_id.in_(token_ids)
    tx.execute(
        update(messages)
        .where(of_tokens, messages.c.state.in_([*sorted(WAITING), State.HELD]))
        .values(state=str(State.CANCELLED), reason=reason, due_at=None, settled_at=now_ms)
    )
    tx.execute(
        update(messages)
        .where(of_tokens, messages.c.state == str(State.UNKNOWN), messages.c.due_at.is_not(None))
        .values(due_at=None, settled_at=now_ms)
    )
