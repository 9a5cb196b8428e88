"""Who is signed in: by the header field Authorization or by our cookie, never by both."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.sessions import Current
from gatepost.errors import NotSignedIn
from gatepost.web.context import WebContext
from gatepost.web.security import check_cookie_origin

_bearer = HTTPBearer(
    scheme_name="session_token", description="The `token` that signing in answered with.", auto_error=False
)
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def cookie_name(context: WebContext) -> str:
    """`__Host-` binds the cookie to this host and HTTPS; browsers refuse that name on plain HTTP."""
    return "__Host-gatepost" if context.is_https else "gatepost"


def set_cookie(response: Response, token: str, context: WebContext) -> None:
    """Give the browser the session; it forgets it when the session is over anyway."""
    response.set_cookie(
        cookie_name(context),
        token,
        max_age=int(context.settings.session_lifetime_s),
        path="/",
        secure=context.is_https,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, context: WebContext) -> None:
    """Let the browser forget the session."""
    response.delete_cookie(cookie_name(context), path="/", secure=context.is_https, httponly=True, samesite="lax")


def presented(request: Request, context: WebContext, bearer: HTTPAuthorizationCredentials | None) -> str | None:
    """The session's token as the request brings it. A Bearer token wins, and is never made good by the cookie.

    Raises:
        Refused: `foreign_origin`: the cookie came with an unsafe request that no page of ours can have sent.
    """
    if bearer is not None:
        return bearer.credentials
    token = request.cookies.get(cookie_name(context))
    if token is not None:
        check_cookie_origin(request.scope, context)
    return token


def signed_in(context: WebContext) -> Callable[..., Awaitable[Current]]:
    """Make the dependency that finds out who is signed in.

    It answers with `not_signed_in` or `foreign_origin` instead of running the endpoint.
    """
    cookie = APIKeyCookie(name=cookie_name(context), scheme_name="session_cookie", auto_error=False)

    async def find(request: Request, bearer: _Bearer, _: Annotated[Any, Depends(cookie)]) -> Current:
        token = presented(request, context, bearer)
        if token is None:
            raise NotSignedIn("no session came with the request")
        return await context.flows.find_session(token)

    return find
