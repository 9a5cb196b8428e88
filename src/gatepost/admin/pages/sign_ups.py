"""/admin/sign-ups: how far registrations got."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator


def add_sign_ups(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/sign-ups", methods=["GET", "HEAD"])
    async def show_sign_ups(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        return house.kit.show(request, "sign_ups", current=current)
