"""Who is signed in: by the header field Authorization or by our cookie, never by both."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.account import Account
from gatepost.accounts.sessions import Current
from gatepost.errors import GatepostError, NotSignedIn
from gatepost.web.context import WebContext
from gatepost.web.problems import Refused, problem_of, refused
from gatepost.web.security import check_cookie_origin

_bearer = HTTPBearer(
    scheme_name="session_token", description="The `token` that signing in answered with.", auto_error=False
)
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

CurrentAccount = Callable[..., Awaitable[Account]]  # for `Depends`


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


def brought(request: Request, context: WebContext) -> str | None:
    """The session's token in the browser's cookie, whoever sent the request: not for finding out who is signed in."""
    return request.cookies.get(cookie_name(context))


def presented(request: Request, context: WebContext) -> str | None:
    """The session's token as the request brings it. A Bearer token wins, and is never made good by the cookie.

    Raises:
        Refused: `foreign_origin`: the cookie came with an unsafe request that no page of ours can have sent.
    """
    given = request.headers.get("authorization", "").split(None, 1)
    if given and given[0].lower() == "bearer":
        return given[1].strip() if len(given) > 1 else ""
    token = brought(request, context)
    if token is not None:
        check_cookie_origin(request.scope, context)
    return token


def signed_in(context: WebContext) -> Callable[..., Awaitable[Current]]:
    """Make the dependency of our own routes that finds out who is signed in.

    It answers with `not_signed_in` or `foreign_origin` instead of running the endpoint.
    """
    cookie = _cookie_scheme(context)

    # Both schemes stand here for the OpenAPI document.
    async def find(request: Request, _: _Bearer, __: Annotated[Any, Depends(cookie)]) -> Current:
        return await _find(request, context)

    return find


def current_account(context: WebContext) -> CurrentAccount:
    """Make the dependency that gives a host's own routes the account that is signed in.

    What it raises is an HTTPException, because the host's application answers there: 401 with WWW-Authenticate for
    `not_signed_in`, 403 for `foreign_origin`, 503 with Retry-After when nobody knows.
    """
    cookie = _cookie_scheme(context)

    async def find(request: Request, _: _Bearer, __: Annotated[Any, Depends(cookie)]) -> Account:
        try:
            return (await _find(request, context)).account
        except GatepostError as error:
            raise Refused(problem_of(error)) from error

    return find


def verified_account(current: CurrentAccount) -> CurrentAccount:
    """Make the same with 403 for an account whose address nobody has proved, on top of `current`.

    On top of the very same, so that a host's test that overrides the one has overridden both.
    """

    async def verified(account: Annotated[Account, Depends(current)]) -> Account:
        if account.verified_at is None:
            raise refused("not_verified")
        return account

    return verified


async def _find(request: Request, context: WebContext) -> Current:
    token = presented(request, context)
    if token is None:
        raise NotSignedIn("no session came with the request")
    return await context.flows.find_session(token)


def _cookie_scheme(context: WebContext) -> APIKeyCookie:
    return APIKeyCookie(name=cookie_name(context), scheme_name="session_cookie", auto_error=False)
