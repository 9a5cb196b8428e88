"""Has an order carried out for the command line: through the process that owns the file, or directly.

PostgreSQL takes writes of many. A SQLite file has one writer: the running service does it, asked over its control
socket; with none running this process owns the file for the moment.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatepost.audit.trail import Signature, clean_reason
from gatepost.clock import SystemClock
from gatepost.control.asking import NobodyListens, ask
from gatepost.control.line import Wish
from gatepost.database.opening import open_database, open_for_reading
from gatepost.errors import ActionRefused, DatabaseInUse, MessageInFlight
from gatepost.events import Events
from gatepost.feedback.desk import FeedbackDesk
from gatepost.orders.all import ORDERS
from gatepost.orders.desk import OrderDesk
from gatepost.parts import build_gate, build_hiding, build_keys, build_passwords
from gatepost.settings import Settings

OWNER_WAIT_S = 5.0  # for an owner of the file that is about to listen, or to end
_POLL_INTERVAL_S = 0.05
_CONNECTIONS = 4


@dataclass(frozen=True, kw_only=True)
class Hints:
    """The way out where an order does not get through, each a clause that completes a sentence.

    Args:
        look: how to find out whether it was done.
        instead: what does the same without this command; empty where nothing does.
    """

    look: str = "look before you repeat it"
    instead: str = ""


_NO_HINTS = Hints()


async def perform(
    settings: Settings, order: str, values: dict[str, Any], *, hints: Hints = _NO_HINTS
) -> dict[str, Any]:
    """Have an order carried out, and return what it gives back.

    Args:
        settings: the effective settings.
        order: its name in `ORDERS`.
        values: as JSON has them; `reason` in them is kept with what was done.
        hints: the way out where it does not get through.

    Raises:
        NoSuchMessage: there is none with this id; NoSuchSuppression alike.
        ActionRefused: it does not fit what became of the message; MessageInFlight while a worker has it.
        InvalidInput: a value cannot be used, or the reason not be kept.
        StartRefused: the database cannot be had, or the service that owns it not be asked.
        DatabaseUnavailable: nothing was done, or nobody knows.
        GatepostError: it cannot be done; see the order.
    """
    by = Signature(actor=f"command line (uid {os.getuid()})", reason=clean_reason(values.get("reason")))
    await (await open_for_reading(settings.database_url)).close()  # of this version's schema: nothing is migrated here
    wish = Wish(order, values)
    file = settings.database_file
    if file is None:
        return await _directly(settings, wish, by)
    return await _through_the_owner(settings, file.resolve(), wish, by, hints)


async def _through_the_owner(settings: Settings, file: Path, wish: Wish, by: Signature, hints: Hints) -> dict[str, Any]:
    give_up_at = time.monotonic() + OWNER_WAIT_S
    while True:
        try:
            return await ask(file, wish, look=hints.look)
        except NobodyListens as nobody:
            socket = nobody
        try:
            return await _directly(settings, wish, by)
        except MessageInFlight:
            raise ActionRefused(
                "It was in flight when the last process that owned this file ended. Start the service: it settles that"
                " first; then decide by what became of it."
            ) from None
        except DatabaseInUse as in_use:
            if time.monotonic() >= give_up_at:
                raise DatabaseInUse(
                    f"{in_use} That process does not listen at {socket}: it is starting or stopping, or its log says"
                    f" why not.{hints.instead and f' {hints.instead}.'}"
                ) from None
        await asyncio.sleep(_POLL_INTERVAL_S)


async def _directly(settings: Settings, wish: Wish, by: Signature) -> dict[str, Any]:
    database = await open_database(settings.database_url, wait_for_owner_s=0, connections=_CONNECTIONS)
    try:
        keys, hiding, clock, events = build_keys(settings), build_hiding(settings), SystemClock(), Events()
        desk = OrderDesk(
            write=database.write,
            clock=clock,
            events=events,
            hiding=hiding,
            gate=build_gate(
                settings,
                database=database,
                passwords=build_passwords(settings),
                keys=keys,
                hiding=hiding,
                clock=clock,
                events=events,
            ),
            unknown_addresses=keys.hidden_addresses,
            take_feedback=FeedbackDesk(database.write, clock, events, hiding).take,
            scrub=database.scrub,
        )
        return await ORDERS[wish.order](desk, wish.values, by)
    finally:
        await database.close()
