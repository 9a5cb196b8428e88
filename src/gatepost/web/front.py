"""What the bare service shows at its root, where a product would have its own front page."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse

from gatepost.web.context import WebContext
from gatepost.web.languages import asked_language
from gatepost.web.route import route_class_for


def front_router(context: WebContext) -> APIRouter:
    """Make the router of `/`.

    The welcome message links there; a service without a product around it has only the sign-up page to show.
    """
    router = APIRouter(route_class=route_class_for(context), include_in_schema=False)

    @router.get("/")
    async def get_front(request: Request) -> RedirectResponse:
        language = asked_language(request)
        return RedirectResponse("/register" + (f"?locale={language}" if language else ""), status_code=303)

    return router
