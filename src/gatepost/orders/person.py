"""Erase everything about one address."""

from functools import partial
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.errors import TryLater
from gatepost.events import PersonErased
from gatepost.mail.address import parse_address
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import text_in
from gatepost.person.erase import erase_piece, erase_the_rest
from gatepost.person.find import Whose

# Of 500 rows each: an order may take 300 s, and whoever stands in millions of messages repeats it.
MOST_PIECES = 2_000


async def erase(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Erase everything about the address `address`. To repeat it goes on where it ended.

    Args:
        desk: what is worked with.
        values: `address`.
        by: who does it; why is not kept, it would say who.

    Returns:
        `accounts` and `messages` that are gone, how many messages are `in_flight` and must be erased later, whether
        there is `more`, the `other_addresses` the account had or wanted, and what is `left` to do about the files: a
        sentence, or None.

    Raises:
        InvalidInput: it is no address.
    """
    address = parse_address(text_in(values, "address"))
    whose = Whose(address.text, address.key, desk.unknown_addresses(address.key), desk.hiding.forms(address.key))
    accounts = messages = 0
    others: frozenset[str] = frozenset()
    for _ in range(MOST_PIECES):
        piece = await desk.write(partial(erase_piece, whose=whose, hiding=desk.hiding, now_ms=desk.clock.now_ms()))
        messages += piece.messages
        others |= piece.other_addresses
        accounts += int(piece.account is not None and piece.gone)
        if not piece.more:
            break
    rest = partial(erase_the_rest, whose=whose, hiding=desk.hiding, by=by, now_ms=desk.clock.now_ms())
    await desk.write(rest)
    desk.events.emit(PersonErased(actor=by.actor, accounts=accounts, messages=messages, request_id=by.request_id))
    try:
        left = await desk.scrub()
    except TryLater as error:
        left = f"the rows are gone, and the files could not be scrubbed: {error}. Run this again"
    return {
        "accounts": accounts,
        "messages": messages,
        "in_flight": piece.in_flight,
        "more": piece.more,
        "other_addresses": sorted(others),
        "left": left,
    }
