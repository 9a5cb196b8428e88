"""/admin/accounts: find an account by its address, a part of it, or its id."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.asked import address_of, id_of, older_page
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.explain.find import LOOKED_THROUGH, MAX_TEXT_CHARACTERS, PAGE_ROWS, find_accounts
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator

ACCOUNTS = f"{PAGE}/accounts"


def add_accounts(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/accounts", methods=["GET", "HEAD"])
    async def show_accounts(
        request: Request,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        q: str = "",
        before: str = "",
    ) -> Response:
        asked, since = q.strip()[: MAX_TEXT_CHARACTERS + 1], id_of(before)
        rows, bounded = await house.web.database.read(partial(find_accounts, text=asked, before=since))
        if asked and not bounded and len(rows) == 1:
            return house.kit.lead(f"{ACCOUNTS}/{rows[0].id}")
        return house.kit.show(
            request,
            "accounts",
            current=current,
            found=rows,
            asked=asked,
            bounded=bounded,
            newest=address_of(ACCOUNTS, q=asked) if since else None,
            older=older_page(ACCOUNTS, rows[-1].id if len(rows) == PAGE_ROWS else None, q=asked),
            looked_through=LOOKED_THROUGH,
        )
