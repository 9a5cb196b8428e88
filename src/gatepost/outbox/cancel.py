"""Messages that are no longer wanted: their token is void, or their account is shut."""

import functools
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    case,
    literal_column,
    or_,
    select,
    update,
)

from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import MAY_BE_CANCELLED, WAS_MEANT_TO_GO_OUT, messages

_WAITS: ColumnElement[bool] = literal_column(MAY_BE_CANCELLED.text)
_HAS_A_COPY_DUE = and_(messages.c.state == str(State.UNKNOWN), messages.c.due_at.is_not(None))


def cancel_waiting(
    tx: Connection, token_ids: Select[tuple[bytes]], reason: str, now_ms: int, which: Mapping[str, Any]
) -> None:
    """Cancel what still waits to carry one of these tokens. What may have been taken stays `unknown`, uncopied.

    Args:
        tx: the transaction.
        token_ids: a query for the tokens, made once.
        reason: for the rows.
        now_ms: wall time in milliseconds.
        which: the query's own parameters.
    """
    take, cancel = _statements(token_ids)
    tx.execute(take, which)
    tx.execute(cancel, {**which, "because": reason, "cancelled_at": now_ms})


def cancel_of_account(tx: Connection, account_id: uuid.UUID, reason: str, now_ms: int, *, spare: str = "") -> None:
    """Cancel what still waits to go out on behalf of an account, but for one template; see `cancel_waiting`."""
    which = {"of_account": account_id, "spared": spare}
    tx.execute(_TAKE_OF_ACCOUNT, which)
    tx.execute(_CANCEL_OF_ACCOUNT, {**which, "because": reason, "cancelled_at": now_ms})


@functools.cache
def _statements(token_ids: Select[tuple[bytes]]) -> tuple[Select[Any], Update]:
    return _take_and_cancel(messages.c.token_id.in_(token_ids))


def _take_and_cancel(*theirs: ColumnElement[bool]) -> tuple[Select[Any], Update]:
    # All of them, those in flight too, and in the order in which everybody takes several: no worker holds one of them
    # from here on, so none comes between the message and its token.
    take = select(messages.c.id).where(*theirs).order_by(messages.c.id).with_for_update()
    # Written so that no index on the state fits: what waits can be much, what is theirs is little. What may have been
    # taken stays `unknown`, which is the truth about it; only its copies are cancelled.
    concerned = case((_WAITS, 1), (_HAS_A_COPY_DUE, 1), else_=0)
    cancel = (
        update(messages)
        .where(*theirs, concerned == 1)
        .values(
            state=case((_WAITS, str(State.CANCELLED)), else_=messages.c.state),
            reason=case((_WAITS, bindparam("because", type_=messages.c.reason.type)), else_=messages.c.reason),
            due_at=None,
            settled_at=bindparam("cancelled_at"),
        )
    )
    return take, cancel


# Found by the index of an account's messages. What is over is left alone: it can be much.
_TAKE_OF_ACCOUNT, _CANCEL_OF_ACCOUNT = _take_and_cancel(
    messages.c.account_id == bindparam("of_account"),
    messages.c.template != bindparam("spared"),
    literal_column(WAS_MEANT_TO_GO_OUT.text),
    or_(messages.c.due_at.is_not(None), messages.c.owner.is_not(None), messages.c.state == str(State.HELD)),
)
