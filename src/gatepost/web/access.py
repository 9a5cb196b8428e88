"""Who may see operations: whoever holds ADMIN_TOKEN."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gatepost.errors import N_
from gatepost.web.context import WebContext
from gatepost.web.problems import refused

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="gatepost"'}
_bearer = HTTPBearer(scheme_name="admin_token", auto_error=False)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def operators_only(context: WebContext) -> Callable[[HTTPAuthorizationCredentials | None], Awaitable[None]]:
    """Make the dependency that lets a request with the admin token pass and refuses every other with 401."""
    token = context.settings.admin_token

    async def check(credentials: Credentials) -> None:
        if token is None:
            raise refused(
                "unauthorized",
                detail=N_(
                    "No token can open this yet: set ADMIN_TOKEN, restart, and send it as `Authorization: Bearer`."
                ),
                headers=_CHALLENGE,
            )
        given = credentials.credentials if credentials else ""
        if not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            raise refused("unauthorized", headers=_CHALLENGE)

    return check
