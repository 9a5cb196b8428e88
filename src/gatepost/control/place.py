"""Where the socket lies, and how a path that is longer than the system's addresses can still be used."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

MAX_ADDRESS_BYTES = 107  # sun_path has 108, the last one is NUL (unix(7))
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred


class TooLong(OSError):
    """The path is too long for the address of a socket, and this system has no /proc to get round it."""


def socket_path(database: Path) -> Path:
    """The socket of the process that owns `database`, a resolved path."""
    return database.with_name(database.name + ".sock")


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Give what `bind` and `connect` take for `path` while the block runs.

    Raises:
        TooLong: see there.
        OSError: its folder cannot be opened.
    """
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        address = f"/proc/self/fd/{folder}/{path.name}"
        if not os.path.isdir(f"/proc/self/fd/{folder}") or len(os.fsencode(address)) > MAX_ADDRESS_BYTES:
            raise TooLong(f"{path} is longer than the {MAX_ADDRESS_BYTES} bytes the address of a socket may have")
        yield address
    finally:
        os.close(folder)


def uid_of_peer(connection: socket.socket) -> int:
    """Whose process is at the other end, as the system knows it and nobody can claim it (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(raw)[1]
    return uid
