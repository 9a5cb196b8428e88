"""Reading a body: no more than 64 KiB, and JSON strictly."""

from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request

from gatepost.web.languages import keep_locale
from gatepost.web.problems import refused
from gatepost.web.strict_json import parse_json

MAX_BODY_BYTES = 65_536


class BoundedRequest(Request):
    """A request whose body is counted while it is read, whatever Content-Length says or leaves out."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        read_bytes = 0
        async for chunk in super().stream():
            read_bytes += len(chunk)
            if read_bytes > MAX_BODY_BYTES:
                raise refused("body_too_large")
            yield chunk

    async def json(self) -> Any:
        parsed = parse_json(await self.body())
        if isinstance(parsed, dict):
            keep_locale(self.scope, parsed.get("locale"))
        return parsed
