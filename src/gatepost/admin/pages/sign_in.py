"""/admin/login and /admin/logout."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import brought, brought_mark, clear_cookie, set_cookies
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.errors import OperatorSignInFailed, RateLimited, TryLater
from gatepost.operators.sessions import sign_out_operator
from gatepost.operators.sign_in import sign_in_operator
from gatepost.web.client import CallingClient
from gatepost.web.next_page import safe_next
from gatepost.web.security import RequestId


def add_sign_in(router: APIRouter, house: House) -> None:
    """Add the page to sign in, and what ends a session."""

    @router.api_route("/login", methods=["GET", "HEAD"])
    async def show_login(request: Request) -> Response:
        return house.kit.show(request, "sign_in", next_page=PAGE)

    @router.post("/login")
    async def submit_login(request: Request, request_id: RequestId, client: CallingClient) -> Response:
        fields = await house.kit.read(request)
        wanted = _next_page(fields.get("next", ""), house)
        try:
            found = await sign_in_operator(
                house.gate,
                name=fields.get("name", ""),
                password=fields.get("password", ""),
                request_id=request_id,
                client=client,
                browser=brought_mark(request, house),
            )
        except (OperatorSignInFailed, RateLimited, TryLater) as error:
            return house.kit.show(
                request, "sign_in", error=error, typed={"name": fields.get("name", "")}, next_page=wanted
            )
        await sign_out_operator(house.gate, brought(request, house))
        response = house.kit.lead(wanted)
        set_cookies(response, found, house)
        return response

    @router.post("/logout")
    async def submit_logout(request: Request) -> Response:
        await house.kit.read(request)
        await sign_out_operator(house.gate, brought(request, house))
        response = house.kit.lead(f"{PAGE}/login")
        clear_cookie(response, house)
        return response


def _next_page(text: str, house: House) -> str:
    """A page of the operators, whatever a stranger put into a form."""
    wanted = safe_next(text, house.web.settings)
    return wanted if wanted == PAGE or wanted.startswith((f"{PAGE}/", f"{PAGE}?")) else PAGE
