"""/admin/sign-ups: how far sign-ups got."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from gatepost.activity.sign_up_days import OTHER_DOMAINS, SignUpDays
from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator

MOST_ROWS = 20
_Days = Annotated[Literal["7", "30"], Query(alias="days")]


def add_sign_ups(router: APIRouter, house: House) -> None:
    """Add the page."""
    sign_ups = SignUpDays(house.web.database, house.web.clock, house.web.stopping)

    @router.api_route("/sign-ups", methods=["GET", "HEAD"])
    async def show_sign_ups(
        request: Request,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        days: _Days = "7",
    ) -> Response:
        found = await sign_ups.last(int(days))
        domains = dict(found.together("by_domain"))
        others = domains.pop(OTHER_DOMAINS, None)
        return house.kit.show(
            request,
            "sign_ups",
            current=current,
            days=int(days),
            found=found,
            languages=list(found.together("by_language").items())[:MOST_ROWS],
            domains=list(domains.items())[:MOST_ROWS],
            further_domains=len(domains) > MOST_ROWS or others is not None,
            mails=list(found.together("by_template").items()),
            settings=house.web.settings,
        )
