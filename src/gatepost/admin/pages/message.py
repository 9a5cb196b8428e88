"""/admin/messages/{id}: what became of one message, and what may be done about it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator


def add_message(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/messages/{id}", methods=["GET", "HEAD"])
    async def show_message(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        return house.kit.show(request, "message", current=current)
