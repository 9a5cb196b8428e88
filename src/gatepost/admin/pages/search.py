"""/admin/messages: one box finds any message."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator


def add_search(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/messages", methods=["GET", "HEAD"])
    async def show_search(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        return house.kit.show(request, "search", current=current)
