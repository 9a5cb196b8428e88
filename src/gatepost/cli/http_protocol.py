"""How requests are read from the wire: uvicorn's parser, a limit on the head, and refusals that look like all others.

uvicorn alone keeps as many header fields as somebody sends, each of any length, and refuses in plain text.
"""

import asyncio
import uuid

from gatepost.web.languages import DEFAULT_LANGUAGE
from gatepost.web.problems import PROBLEMS, problem_response
from gatepost.web.security import security_headers

try:
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
except ImportError:  # httptools is for CPython
    HttpToolsProtocol = None  # type: ignore[assignment, misc]

MAX_HEAD_BYTES = 32_768  # request line and header fields together; proxies allow 8 to 32 KiB


def http_protocol(*, https: bool) -> type[asyncio.Protocol] | str:
    """Choose the reader of requests: ours, or where httptools is missing uvicorn's other one, which ends at 16 KiB.

    Args:
        https: whether people reach us through HTTPS.
    """
    if HttpToolsProtocol is None:
        return "h11"
    return type("BoundedHttp", (_BoundedHttp,), {"https": https})


if HttpToolsProtocol is not None:

    class _BoundedHttp(HttpToolsProtocol):
        """One connection, whose requests have a head of at most MAX_HEAD_BYTES."""

        https: bool
        _head_bytes = 0  # of what the parser told of this head
        _unread_bytes = 0  # of what came while the head is not complete: a field is only told when it is
        _in_head = True

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                self._unread_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._unread_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse("head_too_large")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._head_bytes, self._in_head = 0, True

        def on_url(self, url: bytes) -> None:
            self._count(url)
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(name, value)
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._unread_bytes, self._in_head = 0, False
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse("head_too_large" if self._head_bytes > MAX_HEAD_BYTES else "bad_request")

        def _count(self, *parts: bytes) -> None:
            self._head_bytes += sum(map(len, parts)) + len(b": \r\n")
            if self._head_bytes > MAX_HEAD_BYTES:
                raise ValueError("head too large")  # through the parser, which then reads no further

        def _refuse(self, code: str) -> None:
            """Answer what is no request, and close; no route will ever see it."""
            request_id = str(uuid.uuid4())
            answer = problem_response(PROBLEMS[code], request_id, DEFAULT_LANGUAGE)
            fields = {**security_headers(https=self.https), "X-Request-Id": request_id, "Connection": "close"}
            lines = [*self.server_state.default_headers, *answer.raw_headers]
            lines += [(name.encode(), value.encode()) for name, value in fields.items()]
            head = b"".join(b"%s: %s\r\n" % (name.lower(), value) for name, value in lines)
            self.transport.write(STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body))
            self.transport.close()
