"""Unsubscribe whom a link in a message was written for. Nothing is kept of the link: its token says all there is."""

from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.errors import BadToken
from gatepost.events import AddressSuppressed, Events
from gatepost.feedback.match import take
from gatepost.mail.unsubscribe import UnsubscribeLinks, Unsubscriber
from gatepost.suppression.hiding import Hiding, hidden_form
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import suppress, suppressed_event

T = TypeVar("T")
SOURCE = "unsubscribe"


class Write(Protocol):
    """Runs a work in one durable transaction."""

    async def __call__(self, work: Work[T], /) -> T: ...


class Unsubscribing:
    """Takes the tokens of links that unsubscribe.

    Args:
        write: runs a work in one durable transaction.
        clock: what time it is.
        events: told of each address once.
        hiding: finds suppressions of whoever was erased.
        links: reads the tokens.
    """

    def __init__(self, write: Write, clock: Clock, events: Events, hiding: Hiding, links: UnsubscribeLinks) -> None:
        self._write = write
        self._clock = clock
        self._events = events
        self._hiding = hiding
        self._links = links

    async def __call__(self, token: str, *, request_id: str) -> None:
        """Suppress the recipient of the message the token was written for; returns once that is durable.

        Mail that keeps an account safe still goes out to that address. A token may be used again, and as long as its
        key is there, whatever became of its message.

        Raises:
            BadToken: nobody wrote it under one of the keys; the database is not asked.
            TryLater: nothing was done, or nobody knows.
        """
        of = self._links.read(token)
        if of is None:
            raise BadToken
        told = await self._write(
            partial(unsubscribe, hiding=self._hiding, of=of, now_ms=self._clock.now_ms(), request_id=request_id)
        )
        if told is not None:
            self._events.emit(told)


def unsubscribe(
    tx: Connection, *, hiding: Hiding, of: Unsubscriber, now_ms: int, request_id: str
) -> AddressSuppressed | None:
    """Suppress in `tx`; returns what to tell once it is durable, None where it was so already.

    Where the message is gone, or says no longer for whom it was, the hidden address of the token is suppressed: it is
    found by whoever writes to that address again.
    """
    message = take(tx, {of.row_id}).get(of.row_id)
    known = None if message is None else message.id
    address, address_key = None, hidden_form(of.hidden)
    if message is not None and message.knows_recipient:
        address, address_key = message.recipient, message.recipient_key
    suppressed = suppress(
        tx,
        hiding,
        address=address,
        address_key=address_key,
        scope=Scope.ALL_BUT_SECURITY,
        reason=Reason.UNSUBSCRIBED,
        source=SOURCE,
        now_ms=now_ms,
        message=known,
    )
    if not suppressed.is_new:
        return None
    return suppressed_event(
        suppressed,
        address=address,
        reason=Reason.UNSUBSCRIBED,
        source=SOURCE,
        now_ms=now_ms,
        message=known,
        request_id=request_id,
    )
