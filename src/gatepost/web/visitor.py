"""Whose browser opens a page: found by our cookie alone. Nobody is led to where one signs in, and back afterwards."""

from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.sessions import Current
from gatepost.errors import NotSignedIn
from gatepost.web.context import WebContext
from gatepost.web.page_kit import PageKit
from gatepost.web.signed_in import brought, clear_cookie


async def visitor(request: Request, context: WebContext) -> Current | None:
    """Who is signed in, or None. A form sent to a page proves itself by its CSRF field.

    Raises:
        TryLater: nobody knows.
    """
    token = brought(request, context)
    if token is None:
        return None
    try:
        return await context.flows.find_session(token)
    except NotSignedIn:
        return None


def to_login(request: Request, context: WebContext, kit: PageKit, wanted: str) -> Response:
    """Lead to the sign-in page, and from there to the page that was wanted; drop a cookie that is good for nothing."""
    response = kit.lead(request, "/login", next=wanted)
    if brought(request, context) is not None:
        clear_cookie(response, context)
    return response
