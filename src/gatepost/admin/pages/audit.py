"""/admin/audit: what operators did."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator


def add_audit(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/audit", methods=["GET", "HEAD"])
    async def show_audit(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.OPERATOR))]
    ) -> Response:
        return house.kit.show(request, "audit", current=current)
