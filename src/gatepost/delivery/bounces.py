"""What a submission server says of an address: written with the result it comes with, told when that is durable.

A mailbox that does not exist is suppressed at once; one that took nothing until the message was over, after several of
those. A message that is accepted pays for none of this but a note in the guard's memory.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from gatepost.events import AddressSuppressed, Events
from gatepost.outbox.claim import Claimed
from gatepost.outbox.last_try import last_tries
from gatepost.outbox.settle import Try
from gatepost.suppression.guard import Guard
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.soft import note_soft
from gatepost.suppression.suppress import suppress, suppressed_event
from gatepost.transport.outcome import Outcome, Phase
from gatepost.transport.reply_table import ABOUT_RECIPIENT, row_for

SOURCE = "smtp"


def said_of_address(tried: Try) -> Reason | None:
    """Say what the last try of a message shows about the address: HARD_BOUNCE, SOFT_BOUNCES (one of them), or None.

    Only a reply to the recipient or to the content shows something, and only by its enhanced status (RFC 3463): "550"
    alone may be about the message.
    """
    if tried.phase not in ABOUT_RECIPIENT or tried.reply_code is None or tried.enhanced_status is None:
        return None
    if row_for(Phase(tried.phase), tried.reply_code, tried.enhanced_status).suppresses:
        return Reason.HARD_BOUNCE
    return Reason.SOFT_BOUNCES if tried.enhanced_status.split(".")[1] == "2" else None


class Bounce:
    """A server's word about the address of a message that is over.

    Attributes:
        told: what the last run of `write` led to, to be emitted once that is durable; None for nothing new.
    """

    def __init__(self, hiding: Hiding, claimed: Claimed, reason: Reason, tried: Try) -> None:
        self._hiding = hiding
        self._claimed = claimed
        self._reason = reason
        self._tried = tried
        self.told: AddressSuppressed | None = None

    @property
    def order(self) -> tuple[str, Reason]:
        """In which order several are written, by everybody: two transactions must not wait for each other."""
        return self._claimed.recipient_key, self._reason

    def write(self, tx: Connection, now_ms: int) -> None:
        """Write what follows, in the transaction that says that the message is over. Every run begins anew."""
        one, reason, tried = self._claimed, self._reason, self._tried
        self.told = None
        if reason is Reason.SOFT_BOUNCES and not note_soft(tx, one.recipient_key, one.id.bytes, now_ms):
            return
        suppressed = suppress(
            tx,
            self._hiding,
            address=one.recipient,
            address_key=one.recipient_key,
            scope=Scope.ALL,
            reason=reason,
            source=SOURCE,
            now_ms=now_ms,
            message=one.id,
            detail=f"{tried.reply_code} {tried.reply_text or tried.enhanced_status}",
        )
        if suppressed.is_new:
            self.told = suppressed_event(
                suppressed, address=one.recipient, reason=reason, source=SOURCE, now_ms=now_ms, message=one.id
            )


def write_all(tx: Connection, bounces: Iterable[Bounce], now_ms: int) -> None:
    """Write several, after the messages they are about."""
    for one in sorted(bounces, key=lambda one: one.order):
        one.write(tx, now_ms)


class Bounces:
    """Hears every answer about a recipient that one worker gets.

    Args:
        hiding: hides the addresses of suppressions.
        guard: says whether a server is believed.
        events: told when one is not any more.
        unnamed: what a server is called that a transport gives no name of.
    """

    def __init__(self, hiding: Hiding, guard: Guard, events: Events, unnamed: str) -> None:
        self._hiding = hiding
        self._guard = guard
        self._events = events
        self._unnamed = unnamed

    def heard(self, claimed: Claimed, tried: Try) -> Bounce | None:
        """Count how a try ended; return what has to be written with its result, None for nothing."""
        server = tried.server or self._unnamed
        if tried.outcome == Outcome.ACCEPTED:
            self._count(server, hard=False)
            return None
        if tried.outcome != Outcome.PERMANENT or tried.phase not in ABOUT_RECIPIENT or tried.reply_code is None:
            return None
        reason = said_of_address(tried)
        self._count(server, hard=reason is Reason.HARD_BOUNCE)
        return self._bounce(claimed, reason, tried)

    def expired(self, tx: Connection, expired: Sequence[Claimed], now_ms: int) -> list[AddressSuppressed]:
        """Write what the last try of each message shows that has just expired; return what to tell once it is durable.

        Only a mailbox that took nothing shows something: that it does not exist would have ended the message before.
        """
        tried = [one for one in expired if one.attempts]
        if not tried:
            return []
        last = last_tries(tx, [one.id for one in tried])
        heard = [self._bounce(one, said_of_address(last[one.id]), last[one.id]) for one in tried if one.id in last]
        bounces = [one for one in heard if one is not None]
        write_all(tx, bounces, now_ms)
        return [one.told for one in bounces if one.told is not None]

    def _count(self, server: str, *, hard: bool) -> None:
        if (alarm := self._guard.answered(server, hard=hard)) is not None:
            self._events.emit(alarm)

    def _bounce(self, claimed: Claimed, reason: Reason | None, tried: Try) -> Bounce | None:
        if reason is None or not self._guard.believes(tried.server or self._unnamed):
            return None
        return Bounce(self._hiding, claimed, reason, tried)
