"""The command line's end: hands a wish to the process that owns the file."""

import asyncio
import os
from pathlib import Path

from gatepost.control.line import MAX_LINE_BYTES, Wish, read_answer
from gatepost.control.listener import CONVERSATION_TIMEOUT_S
from gatepost.control.place import TooLong, address_of, socket_path, uid_of_peer
from gatepost.errors import DatabaseUnavailable, GatepostError, StartRefused
from gatepost.outbox.operate import Acted

ANSWER_TIMEOUT_S = CONVERSATION_TIMEOUT_S + 5


class NobodyListens(GatepostError):
    """There is no socket, or its process is dead."""


async def ask(database: Path, wish: Wish) -> Acted:
    """Have the owner of `database` (a resolved path) do it, and return what it did.

    Raises:
        NobodyListens: no process listens beside this file.
        StartRefused: this user may not, or somebody else's process listens there.
        DatabaseUnavailable: it went away or said nothing after it was asked: nobody knows whether it was done.
        GatepostError: whatever it answered; see `read_answer`.
    """
    path = socket_path(database)
    try:
        with address_of(path) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MAX_LINE_BYTES)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NobodyListens(str(path)) from None
    except TooLong as error:
        raise StartRefused(f"{error}: use the HTTP routes, or a shorter path in GATEPOST_DATABASE_URL") from None
    except PermissionError:
        raise StartRefused(
            f"{path} is for the user the service runs as, and for root: run this as one of them"
        ) from None
    except OSError as error:
        raise StartRefused(f"cannot connect to {path}: {error.strerror}") from error
    try:
        _refuse_strangers(writer, database)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            writer.write(wish.line())
            line = await reader.readline()
    except (OSError, TimeoutError, ValueError):
        line = b""
    finally:
        writer.close()
    if not line:
        raise DatabaseUnavailable(
            "the service ended or said nothing after it was asked, so it may be done or not:"
            f" look with `gatepost messages show {wish.message}`"
        )
    return read_answer(line)


def _refuse_strangers(writer: asyncio.StreamWriter, database: Path) -> None:
    # In a folder where others may write, anybody could lay a socket of this name.
    uid = uid_of_peer(writer.get_extra_info("socket"))
    if uid not in (0, os.geteuid(), database.stat().st_uid):
        raise StartRefused(
            f"{socket_path(database)} belongs to a process of uid {uid}, which is not the service's user"
        )
