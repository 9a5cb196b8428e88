"""Messages that are no longer wanted because their token is void."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, case, or_, select, update

from gatepost.outbox.lifecycle import WAITING, State
from gatepost.outbox.tables import messages

_NO_TOKEN = b""
_OF_TOKENS = messages.c.token_id.in_(bindparam("of_tokens", expanding=True))
# All of them, those in flight too, and in the order in which everybody takes several: no worker holds one of them from
# here on, so none comes between the message and its token.
_TAKE = select(messages.c.id).where(_OF_TOKENS).order_by(messages.c.id).with_for_update()
_WAITS = messages.c.state.in_([*sorted(WAITING), State.HELD])
# What may have been taken stays `unknown`, which is the truth about it; only its copies are cancelled.
_HAS_A_COPY_DUE = and_(messages.c.state == str(State.UNKNOWN), messages.c.due_at.is_not(None))
_CANCEL = (
    update(messages)
    .where(_OF_TOKENS, or_(_WAITS, _HAS_A_COPY_DUE))
    .values(
        state=case((_WAITS, str(State.CANCELLED)), else_=messages.c.state),
        reason=case((_WAITS, bindparam("because", type_=messages.c.reason.type)), else_=messages.c.reason),
        due_at=None,
        settled_at=bindparam("now_ms"),
    )
)


def cancel_waiting(tx: Connection, token_ids: Sequence[bytes], reason: str, now_ms: int) -> None:
    """Cancel what still waits to carry one of these tokens. What may have been taken stays `unknown`, uncopied."""
    # An empty IN would make SQLite look at every message that waits.
    of_tokens = {"of_tokens": token_ids or [_NO_TOKEN]}
    tx.execute(_TAKE, of_tokens)
    tx.execute(_CANCEL, of_tokens | {"because": reason, "now_ms": now_ms})
