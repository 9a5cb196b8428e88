"""What follows from one fact, once: where its message moves, and what is known of the address from now on.

Which of several facts comes first must not matter: moves go one way, and a suppression that is there is renewed.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, update

from gatepost.errors import InvalidInput
from gatepost.events import AddressSuppressed, BouncesUnusual
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.match import Message
from gatepost.feedback.unusual import unusual
from gatepost.mail.address import MAX_ADDRESS_BYTES, Address, parse_address
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.soft import note_soft
from gatepost.suppression.suppress import suppress, suppressed_event

LEADS_TO = {Kind.DELIVERED: State.DELIVERED, Kind.BOUNCED: State.BOUNCED}
# From where: of what is not here a late report changes nothing, and none ever leads back.
_MOVES_FROM = {
    Kind.DELIVERED: frozenset({State.ACCEPTED, State.UNKNOWN}),
    Kind.BOUNCED: frozenset({State.ACCEPTED, State.UNKNOWN, State.DELIVERED}),
}

_MOVE = (
    update(messages)
    .where(messages.c.id == bindparam("of_id"))
    .values(
        state=bindparam("to_state"),
        reason=None,  # why it was `unknown`
        due_at=None,  # of an unknown one no copy goes out any more
        settled_at=func.coalesce(messages.c.settled_at, bindparam("at_ms")),
    )
)


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """What a fact meant for the address: a suppression that is new, or the alarm in its place."""

    suppressed: AddressSuppressed | None = None
    unusual: BouncesUnusual | None = None
    hard: bool = False


NONE = Consequence()


def move(tx: Connection, fact: Fact, message: Message, now_ms: int) -> None:
    """Move a message that is settled, and was taken, to where the fact leads."""
    if message.state in _MOVES_FROM.get(fact.kind, ()):
        message.state = LEADS_TO[fact.kind]
        tx.execute(_MOVE, {"of_id": message.id, "to_state": str(message.state), "at_ms": now_ms})


def address_of(fact: Fact, message: Message | None) -> Address | None:
    """Whose mailbox a fact is about: the message's recipient, and by a proven source's word also somebody else's."""
    if message is not None and message.knows_recipient:
        return Address(message.recipient or "", message.recipient_key)
    return named_address(fact) if fact.proven else None


def named_address(fact: Fact) -> Address | None:
    """The address that a fact names, if it is one."""
    try:
        return parse_address(fact.recipient) if fact.recipient and len(fact.recipient) <= MAX_ADDRESS_BYTES else None
    except InvalidInput:
        return None


def draw(
    tx: Connection, fact: Fact, message: Message | None, cause: bytes, *, hiding: Hiding, now_ms: int
) -> Consequence:
    """Draw what follows for the address.

    Args:
        tx: the transaction that has kept the fact.
        fact: the fact.
        message: the message it is about.
        cause: 16 bytes by which the fact is known, where it is about no message.
        hiding: finds suppressions of whoever was erased.
        now_ms: wall time in milliseconds.
    """
    address = address_of(fact, message)
    if address is None:
        return NONE
    alarm = None
    if fact.bounce is Bounce.HARD and message is not None:
        alarm = unusual(tx, fact.source, message.id)
    if alarm is not None:
        return Consequence(unusual=alarm, hard=True)
    reason = _reason(tx, fact, address, message.id.bytes if message else cause, now_ms)
    if reason is None:
        return NONE
    about = message.id if message else None
    suppressed = _suppress(tx, fact, address, (reason, _scope(reason, message)), about, hiding, now_ms)
    return Consequence(suppressed=suppressed, hard=fact.bounce is Bounce.HARD)


def _reason(tx: Connection, fact: Fact, address: Address, cause: bytes, now_ms: int) -> Reason | None:
    if fact.kind is Kind.COMPLAINED:
        return Reason.COMPLAINT
    if fact.kind is Kind.UNSUBSCRIBED:
        return Reason.UNSUBSCRIBED
    if fact.bounce is Bounce.HARD:
        return Reason.HARD_BOUNCE
    too_many = fact.bounce is Bounce.SOFT and note_soft(tx, address.key, cause, now_ms)
    return Reason.SOFT_BOUNCES if too_many else None


def _scope(reason: Reason, message: Message | None) -> Scope:
    """A complaint stops what was complained about; of mail about the safety of an account, or of none known, all."""
    if reason is Reason.UNSUBSCRIBED:
        return Scope.ALL_BUT_SECURITY
    of_other_mail = reason is Reason.COMPLAINT and message is not None and not message.security
    return Scope.ALL_BUT_SECURITY if of_other_mail else Scope.ALL


def _suppress(
    tx: Connection,
    fact: Fact,
    address: Address,
    why: tuple[Reason, Scope],
    message: uuid.UUID | None,
    hiding: Hiding,
    now_ms: int,
) -> AddressSuppressed | None:
    reason, scope = why
    suppressed = suppress(
        tx,
        hiding,
        address=address.text,
        address_key=address.key,
        scope=scope,
        reason=reason,
        source=fact.source,
        now_ms=now_ms,
        message=message,
        detail=fact.text or fact.status,
    )
    if not suppressed.is_new:
        return None
    return suppressed_event(
        suppressed, address=address.text, reason=reason, source=fact.source, now_ms=now_ms, message=message
    )
