"""Holds, releases, cancels and resends from the command line: through the process that owns the file, or directly.

PostgreSQL takes writes of many. A SQLite file has one writer: the running service does it, asked over its control
socket; with none running this process owns the file for the moment.
"""

import asyncio
import os
import time
import uuid
from functools import partial
from pathlib import Path

from gatepost.audit.trail import Signature, clean_reason
from gatepost.clock import SystemClock
from gatepost.control.asking import NobodyListens, ask
from gatepost.control.line import Wish
from gatepost.database.opening import open_database, open_for_reading
from gatepost.errors import ActionRefused, DatabaseInUse, MessageInFlight
from gatepost.outbox.actions import Action
from gatepost.outbox.operate import Acted, act
from gatepost.settings import Settings

OWNER_WAIT_S = 5.0  # for an owner of the file that is about to listen, or to end
_POLL_INTERVAL_S = 0.05
_CONNECTIONS = 4


async def operate(settings: Settings, action: Action, message: uuid.UUID, reason: str | None) -> Acted:
    """Do to one message what an operator wants.

    Raises:
        NoSuchMessage: there is none with this id.
        ActionRefused: it does not fit what became of the message; MessageInFlight while a worker has it.
        InvalidInput: the reason cannot be kept.
        StartRefused: the database cannot be had, or the service that owns it not be asked.
        DatabaseUnavailable: nothing was done, or nobody knows.
    """
    wish = Wish(action, message, clean_reason(reason))
    await (await open_for_reading(settings.database_url)).close()  # of this version's schema: nothing is migrated here
    file = settings.database_file
    if file is None:
        return await _write(settings, wish)
    return await _through_the_owner(settings, file.resolve(), wish)


async def _through_the_owner(settings: Settings, file: Path, wish: Wish) -> Acted:
    give_up_at = time.monotonic() + OWNER_WAIT_S
    while True:
        try:
            return await ask(file, wish)
        except NobodyListens as nobody:
            socket = nobody
        try:
            return await _write(settings, wish)
        except MessageInFlight:
            raise ActionRefused(
                "It was in flight when the last process that owned this file ended. Start the service: it settles that"
                " first; then decide by what became of it."
            ) from None
        except DatabaseInUse as in_use:
            if time.monotonic() >= give_up_at:
                raise DatabaseInUse(
                    f"{in_use} That process does not listen at {socket}: it is starting or stopping, or its log says"
                    f" why not. POST /mail/messages/{wish.message}/{wish.action} does the same over HTTP."
                ) from None
        await asyncio.sleep(_POLL_INTERVAL_S)


async def _write(settings: Settings, wish: Wish) -> Acted:
    by = Signature(actor=f"command line (uid {os.getuid()})", reason=wish.reason)
    now_ms = SystemClock().now_ms()
    database = await open_database(settings.database_url, wait_for_owner_s=0, connections=_CONNECTIONS)
    try:
        return await database.write(partial(act, action=wish.action, message_id=wish.message, by=by, now_ms=now_ms))
    finally:
        await database.close()
