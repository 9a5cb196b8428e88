"""/admin/password: an operator changes their own password."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.errors import InvalidInput, RateLimited, TryLater, WrongPassword
from gatepost.operators.own_password import change_own_password
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.web.security import RequestId


def add_password(router: APIRouter, house: House) -> None:
    """Add the page."""
    anybody = Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]

    @router.api_route("/password", methods=["GET", "HEAD"])
    async def show_password(request: Request, current: anybody) -> Response:
        return house.kit.show(request, "password", current=current, done=request.query_params.get("done", ""))

    @router.post("/password")
    async def submit_password(request: Request, request_id: RequestId, current: anybody) -> Response:
        fields = await house.kit.read(request)
        try:
            await change_own_password(
                house.gate,
                current,
                current_password=fields.get("current_password", ""),
                password=fields.get("password", ""),
                request_id=request_id,
            )
        except (InvalidInput, WrongPassword, RateLimited, TryLater) as error:
            return house.kit.show(request, "password", current=current, error=error)
        return house.kit.lead(f"{PAGE}/password", done="password_changed")
