"""Reading a body: no more than its route takes, which is 64 KiB nearly everywhere, and JSON strictly."""

from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope

from gatepost.errors import N_
from gatepost.feedback.provider import MAX_POST_BYTES
from gatepost.web.languages import keep_locale
from gatepost.web.problems import Refused, refused
from gatepost.web.strict_json import parse_json

MAX_BODY_BYTES = 65_536

# Where a route reads more: what the refusal says in place of the usual.
_SAID = {MAX_POST_BYTES: {"detail": N_("At most 1,048,576 bytes are read here.")}}


class BoundedRequest(Request):
    """A request whose body is counted while it is read, whatever Content-Length says or leaves out.

    Args:
        scope: of the request.
        receive: brings its body.
        max_bytes: how much of it is read: MAX_BODY_BYTES or MAX_POST_BYTES.
    """

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        super().__init__(scope, receive)
        self._max_bytes = max_bytes

    async def stream(self) -> AsyncGenerator[bytes, None]:
        read_bytes = 0
        async for chunk in super().stream():
            read_bytes += len(chunk)
            if read_bytes > self._max_bytes:
                raise too_large(self._max_bytes)
            yield chunk

    async def json(self) -> Any:
        parsed = parse_json(await self.body())
        if isinstance(parsed, dict):
            keep_locale(self.scope, parsed.get("locale"))
        return parsed


def too_large(max_bytes: int) -> Refused:
    """The refusal of a body that is longer than its route reads."""
    return refused("body_too_large", **_SAID.get(max_bytes, {}))
