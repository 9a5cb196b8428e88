"""/admin/operators: who operates, for owners."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator


def add_operators(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/operators", methods=["GET", "HEAD"])
    async def show_operators(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.OWNER))]
    ) -> Response:
        return house.kit.show(request, "operators", current=current)
