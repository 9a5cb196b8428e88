"""What operators do to suppressions: done, written into `audit` and told, in this order and whole."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from gatepost.audit.trail import Signature, record
from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.errors import InvalidInput
from gatepost.events import Events
from gatepost.mail.address import Address, parse_address
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.lift import Lifted, deed_of_lifting, lift
from gatepost.suppression.page import SuppressionRow, find
from gatepost.suppression.page import page as read_page
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import DAY_S, Suppressed, suppress, suppressed_event

MAX_EXPIRES_IN_DAYS = 3650


class Write(Protocol):
    """Runs a work in one durable transaction."""

    async def __call__(self, work: Work[Any], /) -> Any: ...


@dataclass(frozen=True)
class Wanted:
    """What is to be suppressed; why stands in the signature.

    Args:
        address: as somebody typed it.
        scope: which mail.
        expires_in_days: 1 to MAX_EXPIRES_IN_DAYS; None: until it is lifted.
    """

    address: str
    scope: Scope = Scope.ALL
    expires_in_days: int | None = None


class ByHand:
    """Adds, lifts and finds suppressions for an operator.

    Args:
        write: runs a work in one durable transaction.
        clock: what time it is.
        events: told of what was done.
        hiding: hides and finds addresses.
    """

    def __init__(self, write: Write, clock: Clock, events: Events, hiding: Hiding) -> None:
        self._write = write
        self._clock = clock
        self._events = events
        self._hiding = hiding

    def page(self, *, recipient: str | None, **which: Any) -> Work[Sequence[SuppressionRow]]:
        """Make the query of a page; see `gatepost.suppression.page.page`. `recipient` is an address as typed."""
        key = None if recipient is None else address_key(recipient)
        return partial(read_page, hiding=self._hiding, recipient_key=key, **which)

    async def add(self, wanted: Wanted, by: Signature) -> SuppressionRow:
        """Suppress an address for the reason `operator`; once more renews what is there and widens it.

        Raises:
            InvalidInput: it is no address.
            TryLater: nothing was done, or nobody knows.
        """
        address = _parsed(wanted.address)
        now_ms = self._clock.now_ms()
        done, row = await self._write(
            partial(_add, hiding=self._hiding, address=address, wanted=wanted, by=by, now_ms=now_ms)
        )
        if done.is_new:
            self._events.emit(
                suppressed_event(
                    done,
                    address=address.text,
                    reason=Reason.OPERATOR,
                    source=by.actor,
                    now_ms=now_ms,
                    request_id=by.request_id,
                )
            )
        stands: SuppressionRow = row
        return stands

    async def lift(self, suppression_id: uuid.UUID, by: Signature) -> Lifted:
        """Delete a suppression, whatever its reason.

        Raises:
            NoSuchSuppression: there is none with this id (any more).
            TryLater: nothing was done, or nobody knows.
        """
        lifted: Lifted = await self._write(
            partial(_lift, suppression_id=suppression_id, by=by, now_ms=self._clock.now_ms())
        )
        self._events.emit(lifted.event(by.actor, by.request_id))
        return lifted


def address_key(recipient: str) -> str:
    """Return the key of an address as typed; of what is none, itself, which finds nothing."""
    try:
        return parse_address(recipient).key
    except InvalidInput:
        return recipient


def _parsed(text: str) -> Address:
    try:
        return parse_address(text)
    except InvalidInput as refusal:
        raise InvalidInput([replace(error, field="address") for error in refusal.errors]) from None


def _add(
    tx: Connection, *, hiding: Hiding, address: Address, wanted: Wanted, by: Signature, now_ms: int
) -> tuple[Suppressed, SuppressionRow]:
    done = suppress(
        tx,
        hiding,
        address=address.text,
        address_key=address.key,
        scope=wanted.scope,
        reason=Reason.OPERATOR,
        source=by.actor,
        now_ms=now_ms,
        detail=by.reason,
        expires_in_s=None if wanted.expires_in_days is None else wanted.expires_in_days * DAY_S,
    )
    deed = by.deed("suppress", now_ms, before=None if done.is_new else str(Reason.OPERATOR), after=str(Reason.OPERATOR))
    record(tx, done.id, deed)
    row = find(tx, done.id)
    assert row is not None  # noqa: S101  # it was written a line above
    return done, row


def _lift(tx: Connection, *, suppression_id: uuid.UUID, by: Signature, now_ms: int) -> Lifted:
    lifted = lift(tx, suppression_id)
    record(tx, lifted.id, deed_of_lifting(lifted, by, now_ms))
    return lifted
