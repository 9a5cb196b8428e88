"""The header field Idempotency-Key: who repeats a request with the same key means the same request."""

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from gatepost.errors import N_, FieldError, InvalidInput

_NAME = "Idempotency-Key"
_MAX_CHARACTERS = 255

_Field = Annotated[
    str | None,
    Header(
        alias=_NAME,
        min_length=1,
        max_length=_MAX_CHARACTERS,
        pattern=r"^[!-~]+$",  # visible ASCII; quotes around it are part of the key
        description="Names this request: a repeat with the same key and body gets the first answer for 24 hours.",
        examples=["7d1f3c52-5c3f-4c5e-9c43-6a2f0a3f8a55"],
    ),
]


async def _idempotency_key(request: Request, value: _Field = None) -> str | None:
    # FastAPI reads one of several, and nobody could say which of them was meant.
    if len(request.headers.getlist(_NAME)) > 1:
        raise InvalidInput([FieldError(_NAME, "repeated", N_("Send this header field once."))])
    return value


IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
