"""A name server of a test's own, and processes that ask it instead of the machine's."""

import contextlib
import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Manner = Literal["answers", "nxdomain", "servfail", "silent"]

HOST = "127.0.0.77"  # all of 127/8 is loopback, and nobody else has port 53 here
_RESPONSE, _RECURSIVE = 0x8000, 0x0180
_CODES = {"answers": 0, "servfail": 2, "nxdomain": 3}
_A, _IN, _TTL_S = 1, 1, 1
_NEW_MOUNTS, _BIND, _RECURSIVELY, _PRIVATE = 0x00020000, 4096, 16384, 1 << 18


class NameServer:
    """Answers every question for an address with 127.0.0.1, or as `manner` says.

    Attributes:
        manner: how it answers; may be changed while it runs.
        asked: how many questions came.
    """

    def __init__(self) -> None:
        self.manner: Manner = "answers"
        self.asked = 0

    def answer(self, question: bytes) -> bytes | None:
        """The reply to one datagram (RFC 1035, 4.1), or None to say nothing."""
        self.asked += 1
        if self.manner == "silent":
            return None
        end = question.index(b"\0", 12) + 5
        (kind,) = struct.unpack(">H", question[end - 4 : end - 2])
        found = self.manner == "answers" and kind == _A
        head = question[:2] + struct.pack(">5H", _RESPONSE | _RECURSIVE | _CODES[self.manner], 1, int(found), 0, 0)
        address = b"\xc0\x0c" + struct.pack(">HHIH", _A, _IN, _TTL_S, 4) + socket.inet_aton("127.0.0.1")
        return head + question[12:end] + (address if found else b"")


@contextlib.contextmanager
def name_server() -> Iterator[NameServer]:
    """A name server that runs on a thread."""
    server = NameServer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((HOST, 53))

        def serve() -> None:
            while True:
                question, sender = line.recvfrom(4096)
                if not question:
                    return
                if (answer := server.answer(question)) is not None:
                    line.sendto(answer, sender)

        thread = threading.Thread(target=serve, name="name-server", daemon=True)
        thread.start()
        yield server
        line.sendto(b"", (HOST, 53))
        thread.join()


def ask_only(resolv_conf: Path) -> None:
    """Let this process, and nobody else, ask the name servers of another file; it must have no thread yet."""
    libc = ctypes.CDLL(None, use_errno=True)
    for failed in (
        libc.unshare(_NEW_MOUNTS),
        libc.mount(b"none", b"/", None, _RECURSIVELY | _PRIVATE, None),
        libc.mount(os.fsencode(resolv_conf), b"/etc/resolv.conf", None, _BIND, None),
    ):
        if failed:
            raise OSError(ctypes.get_errno(), "a mount namespace of its own")
