"""Who may see the operators' pages: operators whose role suffices. Nobody, until there is an operator."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.house import House
from gatepost.audit.trail import Signature, clean_reason
from gatepost.errors import N_, FieldError, InvalidInput, NotSignedIn
from gatepost.operators import known_browser
from gatepost.operators.people import anybody_operates
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator, find_operator
from gatepost.operators.sign_in import SignedInOperator
from gatepost.web.context import WebContext
from gatepost.web.problems import refused
from gatepost.web.security import check_cookie_origin, request_id_of

Check = Callable[[Request], Awaitable[CurrentOperator]]


def cookie_name(context: WebContext) -> str:
    """`__Host-` binds the cookie to this host and HTTPS; browsers refuse that name on plain HTTP."""
    return "__Host-gatepost-operator" if context.is_https else "gatepost-operator"


def set_cookies(response: Response, signed_in: SignedInOperator, house: House) -> None:
    """Give the browser the session, and the mark by which it is known when the session is over."""
    _set_cookie(response, cookie_name(house.web), signed_in.token, house.gate.session_lifetime_s, house)
    _set_cookie(response, _browser_cookie_name(house.web), signed_in.browser, known_browser.KEPT_S, house)


def clear_cookie(response: Response, house: House) -> None:
    """Let the browser forget the session."""
    response.delete_cookie(
        cookie_name(house.web), path="/", secure=house.web.is_https, httponly=True, samesite="strict"
    )


def brought(request: Request, house: House) -> str | None:
    """The session's token in the browser's cookie."""
    return request.cookies.get(cookie_name(house.web))


def brought_mark(request: Request, house: House) -> str | None:
    """The mark of a browser in which an operator signed in before."""
    return request.cookies.get(_browser_cookie_name(house.web))


def open_once_somebody_operates(house: House) -> Callable[[], Awaitable[None]]:
    """Make the dependency that answers 404 for all of it until there is an operator who may sign in."""
    seen = False

    async def check() -> None:
        nonlocal seen
        seen = seen or await house.web.database.read(anybody_operates)
        if not seen:
            raise refused("not_found")

    return check


def only(house: House, least: Role) -> Check:
    """Make the dependency of a route that gives it the operator who asks.

    It answers `not_signed_in`, `role_too_low` or `foreign_origin` instead of running the endpoint.
    """

    async def check(request: Request) -> CurrentOperator:
        token = brought(request, house)
        if token is None:
            raise NotSignedIn("no session of an operator came with the request")
        check_cookie_origin(request.scope, house.web)
        current = await find_operator(house.gate, token)
        if not current.operator.role.may(least):
            raise refused("role_too_low")
        return current

    check.least = least  # type: ignore[attr-defined]  # the test of routes × roles reads it
    return check


def signature(request: Request, current: CurrentOperator, fields: Mapping[str, str]) -> Signature:
    """Who acts and why: every form that changes something asks for a reason.

    Raises:
        InvalidInput: there is none, or it cannot be kept.
    """
    reason = clean_reason(fields.get("reason"))
    if reason is None:
        raise InvalidInput([FieldError("reason", "required", N_("Say why: it is kept beside what was done."))])
    return Signature(actor=current.operator.actor, reason=reason, request_id=request_id_of(request))


def _browser_cookie_name(context: WebContext) -> str:
    return f"{cookie_name(context)}-browser"


def _set_cookie(response: Response, name: str, value: str, max_age_s: float, house: House) -> None:
    # Strict: nobody comes here from a mail, and a link elsewhere must not act here.
    response.set_cookie(
        name,
        value,
        max_age=int(max_age_s),
        path="/",
        secure=house.web.is_https,
        httponly=True,
        samesite="strict",
    )
