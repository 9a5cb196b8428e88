"""The command line's end: hands a wish to the process that owns the file."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

from gatepost.control.line import MAX_LINE_BYTES, Wish, read_answer
from gatepost.control.listener import LINE_TIMEOUT_S, ORDER_TIMEOUT_S
from gatepost.control.place import TooLong, address_of, socket_path, uid_of_peer
from gatepost.errors import DatabaseUnavailable, GatepostError, StartRefused

ANSWER_TIMEOUT_S = LINE_TIMEOUT_S + ORDER_TIMEOUT_S + 5


class NobodyListens(GatepostError):
    """There is no socket, or its process is dead."""


def somebody_listens(database: Path) -> bool:
    """Whether a process listens beside this file (a resolved path); nothing is asked."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            with address_of(socket_path(database)) as address:
                probe.connect(address)
        except (OSError, TooLong):
            return False
    return True


async def ask(database: Path, wish: Wish, *, look: str) -> dict[str, Any]:
    """Have the owner of the file do it, and return what it did.

    Args:
        database: the file, a resolved path.
        wish: which order.
        look: how to find out whether it was done, where that stays open.

    Raises:
        NobodyListens: no process listens beside this file.
        StartRefused: this user may not, or somebody else's process listens there.
        DatabaseUnavailable: it went away or said nothing after it was asked: nobody knows whether it was done.
        GatepostError: whatever it answered; see `read_answer`.
    """
    path = socket_path(database)
    asked = wish.line()
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
            writer.write(asked)
            line = await reader.readline()
    except (OSError, TimeoutError, ValueError):
        line = b""
    finally:
        writer.close()
    if not line:
        raise DatabaseUnavailable(
            f"the service ended or said nothing after it was asked, so it may be done or not: {look}"
        )
    return read_answer(line)


def _refuse_strangers(writer: asyncio.StreamWriter, database: Path) -> None:
    # In a folder where others may write, anybody could lay a socket of this name.
    uid = uid_of_peer(writer.get_extra_info("socket"))
    if uid not in (0, os.geteuid(), database.stat().st_uid):
        raise StartRefused(
            f"{socket_path(database)} belongs to a process of uid {uid}, which is not the service's user"
        )
