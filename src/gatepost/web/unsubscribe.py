"""/mail/unsubscribe/{token}: where a message's own link leads, and what mail programs post by themselves (RFC 8058).

No login, no cookie, no form field of a browser and no Origin is asked for: the token says all there is to know.
"""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gatepost.errors import N_, BadToken, FieldError
from gatepost.mail.unsubscribe import PATH, has_form
from gatepost.web.context import WebContext
from gatepost.web.page_kit import PageKit
from gatepost.web.problems import Refused, refused
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId

FIELD, VALUE = "List-Unsubscribe", "One-Click"  # RFC 8058, 3.1: the whole body
ONE_CLICK = N_("Send this one field, with the value One-Click.")
PRESS_AGAIN = N_("Nothing was changed. Open the link of the message again, and press the button.")
NOT_OURS = N_("It is not whole, or too old. Use the link of a newer message.")


def unsubscribe_router(context: WebContext) -> APIRouter:
    """Make the router of the page and of what mail programs post."""
    kit = PageKit(context)
    route_class = route_class_for(context, answer_problem=kit.show_problem, from_anywhere=True)
    router = APIRouter(route_class=route_class, include_in_schema=False)

    @router.api_route(f"{PATH}{{token}}", methods=["GET", "HEAD"])
    async def show_unsubscribe(request: Request, token: str) -> Response:
        """The same page for every token that has the form of one: it tells nobody which are ours."""
        if not has_form(token):
            raise refused("bad_token", detail=NOT_OURS)
        return kit.fragment(request, "unsubscribe", here=f"{PATH}{token}")

    @router.post(f"{PATH}{{token}}")
    async def submit_unsubscribe(request: Request, token: str, request_id: RequestId) -> Response:
        if not await _is_one_click(request):
            raise refused("invalid_input", detail=PRESS_AGAIN, errors=(FieldError(FIELD, "required", ONE_CLICK),))
        try:
            await context.unsubscribe(token, request_id=request_id)
        except BadToken:
            raise refused("bad_token", detail=NOT_OURS) from None
        return kit.fragment(request, "unsubscribed")

    return router


async def _is_one_click(request: Request) -> bool:
    """Whether the body is the one of RFC 8058, in either of the two types a form may have."""
    try:
        form = await request.form(max_files=0)
    except Refused:  # too large
        raise
    except HTTPException:  # no form, or one with more in it
        return False
    return form.multi_items() == [(FIELD, VALUE)]
