"""The service's end: takes wishes of the command line while the process owns the file.

Only the process's own user and root are heard. Nothing here may keep the service from starting or stopping: without a
socket the HTTP routes do the same.
"""

import asyncio
import contextlib
import os
import socket
import stat
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from gatepost.audit.trail import Signature, clean_reason
from gatepost.control.line import MAX_LINE_BYTES, NotUnderstood, Wish, done, refused
from gatepost.control.place import address_of, socket_path, uid_of_peer
from gatepost.errors import DatabaseBusy, GatepostError
from gatepost.events import Events, RequestFailed, SettingWarned

MAX_CONVERSATIONS = 8
LINE_TIMEOUT_S = 5.0
ORDER_TIMEOUT_S = 300.0  # to make a whole file unreadable for whom is erased takes its time
LEAVE_TIMEOUT_S = 5.0  # for an answer nobody reads
LAST_ANSWERS_S = 1.0  # conversations under way at a stop


# An order, with everything it needs but its values and who gives it.
Bound = Callable[[Mapping[str, Any], Signature], Awaitable[dict[str, Any]]]


class ControlSocket:
    """The socket beside one SQLite file, between `open` and `close`.

    Args:
        database: the file; this process must own it from `open` to `close`.
        orders: what may be asked for, by name.
        events: told what keeps the socket away, and of bugs.
    """

    def __init__(self, database: Path, orders: Mapping[str, Bound], events: Events) -> None:
        self._database = database
        self._orders = orders
        self._events = events
        self._path: Path | None = None
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; where that cannot be, warn once and do without."""
        path = socket_path(self._database.resolve())
        try:
            listener = _bound(path)
            self._path = path
            self._server = await asyncio.start_unix_server(self._talk, sock=listener, limit=MAX_LINE_BYTES)
        except (OSError, ValueError) as error:
            self._events.emit(
                SettingWarned(
                    detail=f"the control socket {path} cannot be made ({error}): commands that write, such as"
                    " `gatepost messages hold`, do not work while this process runs; the HTTP routes do"
                )
            )

    async def close(self) -> None:
        """Hear nobody any more, let answers under way go out, and remove the socket; may be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if talks := list(self._talks):
            await asyncio.wait(talks, timeout=LAST_ANSWERS_S)
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None  # noqa: S101
        self._talks.add(talk)
        try:
            writer.write(await self._answer(reader, uid_of_peer(writer.get_extra_info("socket"))))
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it went away, says nothing, or we stop: what was begun is finished without it
        finally:
            self._talks.discard(talk)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, uid: int) -> bytes:
        try:
            if uid not in (os.geteuid(), 0):
                raise NotUnderstood(f"only the service's own user and root may do this, not uid {uid}")
            if len(self._talks) > MAX_CONVERSATIONS:
                raise DatabaseBusy("too many commands at the same moment: try again")
            async with asyncio.timeout(LINE_TIMEOUT_S):
                wish = Wish.read(await _first_line(reader))
            order = self._orders.get(wish.order)
            if order is None:
                raise NotUnderstood("it names no order of this version")
            by = Signature(actor=f"command line (uid {uid})", reason=_reason_in(wish))
            async with asyncio.timeout(ORDER_TIMEOUT_S):
                return done(await order(wish.values, by))
        except (OSError, TimeoutError):
            raise
        except GatepostError as error:
            return refused(error)
        except Exception as error:
            lines = traceback.format_exception(error)
            self._events.emit(RequestFailed(request_id="control", error=type(error).__name__, traceback="".join(lines)))
            return refused(error)


def _reason_in(wish: Wish) -> str | None:
    reason = wish.values.get("reason")
    if not isinstance(reason, str | None):
        raise NotUnderstood("the reason is no text")
    return clean_reason(reason)


def _bound(path: Path) -> socket.socket:
    """Bind a socket that nobody else may use, in place of one that a dead owner of the file left."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise OSError("this system does not say who is at the other end")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(f"{path} is there and is no socket: remove it")
        path.unlink()  # the file is ours, so nobody listens there
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(path) as address:
            listener.bind(address)
            os.chmod(address, 0o600)  # before it listens: until then nobody can connect
    except BaseException:
        listener.close()
        raise
    return listener


async def _first_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        raise NotUnderstood(f"a line has at most {MAX_LINE_BYTES} bytes") from None
