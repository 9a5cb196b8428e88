"""/admin/templates: what the mails say, as they would go out."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator


def add_templates(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/templates", methods=["GET", "HEAD"])
    async def show_templates(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        return house.kit.show(request, "templates", current=current)
