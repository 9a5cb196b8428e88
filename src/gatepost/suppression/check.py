"""Which of the messages that are about to go out must not: asked in the transaction that claimed them."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Select, bindparam, or_, select, update

from gatepost.database.batch import among
from gatepost.database.prepared import Prepared
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.reason import BOUNCES, Reason, Scope
from gatepost.suppression.tables import suppressions

# The one message that may go to a mailbox which mail came back from: whoever owns the account has no other way to show
# that it works again.
RESET = "password_reset"
ONE_RESET_IN_S = 24 * 3600

# Which reason is told where there are several: first what no reset gets past.
_ORDER = (Reason.OPERATOR, Reason.COMPLAINT, Reason.UNSUBSCRIBED, Reason.HARD_BOUNCE, Reason.SOFT_BOUNCES)


class Outgoing(Protocol):
    """What must be known of a message that is about to go out."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def recipient_key(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def security(self) -> bool: ...


@dataclass(frozen=True)
class _Stop:
    id: bytes
    reason: Reason
    scope: Scope

    def stops(self, message: Outgoing) -> bool:
        return self.scope is Scope.ALL or not message.security


_COUNTS = or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > bindparam("now_ms"))
_FIND = Prepared(
    select(suppressions.c.id, suppressions.c.address_key, suppressions.c.reason, suppressions.c.scope).where(
        among(suppressions.c.address_key, "of_forms"), _COUNTS
    ),
    "of_forms",
)
# Taken in the order in which everybody takes several, before anything is decided: two workers never both let one pass.
_TAKE: Select[Any] = (
    select(suppressions.c.id, suppressions.c.let_through, suppressions.c.let_through_at)
    .where(among(suppressions.c.id, "of_ids"))
    .order_by(suppressions.c.id)
    .with_for_update()
)
_LET_THROUGH = (
    update(suppressions)
    .where(among(suppressions.c.id, "of_ids"))
    .values(let_through=bindparam("this"), let_through_at=bindparam("now_ms"))
)


def check(tx: Connection, hiding: Hiding, messages: Sequence[Outgoing], now_ms: int) -> dict[uuid.UUID, Reason]:
    """Return why messages must not go out, by their ids; what is missing may.

    A suppression of scope `all_but_security` does not stop a message about the safety of an account. One password
    reset in 24 hours passes suppressions for bounces, and that same message again for as long as it is tried.

    Args:
        tx: the transaction that claimed them.
        hiding: finds also the suppressions of people who were erased.
        messages: what is about to go out.
        now_ms: wall time in milliseconds.
    """
    of = _stops(tx, hiding, messages, now_ms)
    stopped: dict[uuid.UUID, Reason] = {}
    resets: list[tuple[Outgoing, list[_Stop]]] = []
    for message in messages if of else ():
        stops = [one for one in of.get(message.recipient_key, ()) if one.stops(message)]
        if not stops:
            continue
        stopped[message.id] = min((one.reason for one in stops), key=_ORDER.index)
        if message.template == RESET and all(one.reason in BOUNCES for one in stops):
            resets.append((message, stops))
    if resets:
        for passed in _let_through(tx, resets, now_ms):
            del stopped[passed]
    return stopped


def _stops(tx: Connection, hiding: Hiding, messages: Sequence[Outgoing], now_ms: int) -> Mapping[str, Sequence[_Stop]]:
    whose = {form: key for key in {one.recipient_key for one in messages} for form in hiding.forms(key)}
    found: dict[str, list[_Stop]] = defaultdict(list)
    for row_id, form, reason, scope in _FIND.run(tx, {"of_forms": list(whose), "now_ms": now_ms}):
        found[whose[form]].append(_Stop(bytes(row_id), Reason(reason), Scope(scope)))
    return found


def _let_through(tx: Connection, resets: Sequence[tuple[Outgoing, list[_Stop]]], now_ms: int) -> list[uuid.UUID]:
    """Return which of the resets go out all the same, and write that down."""
    ids = {uuid.UUID(bytes=stop.id) for _, stops in resets for stop in stops}
    last = {row.id: (row.let_through, row.let_through_at) for row in tx.execute(_TAKE, {"of_ids": sorted(ids)})}
    passed: list[uuid.UUID] = []
    for message, stops in resets:
        these = [row_id for stop in stops if (row_id := uuid.UUID(bytes=stop.id)) in last]
        if not all(_may_pass(message, *last[row_id], now_ms) for row_id in these):
            continue
        if any(last[row_id][0] != message.id for row_id in these):
            tx.execute(_LET_THROUGH, {"of_ids": these, "this": message.id, "now_ms": now_ms})
            last |= {row_id: (message.id, now_ms) for row_id in these}
        passed.append(message.id)
    return passed


def _may_pass(message: Outgoing, before: uuid.UUID | None, at: int | None, now_ms: int) -> bool:
    return before == message.id or at is None or at <= now_ms - ONE_RESET_IN_S * 1000
