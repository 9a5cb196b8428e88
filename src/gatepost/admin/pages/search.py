"""/admin/messages: one box for an address, a part of one or an id, and the newest messages while it is empty."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.asked import address_of, id_of, name_of, older_page, word_of
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.explain.find import LEAST_PART_CHARACTERS, LOOKED_THROUGH, Found, Kind, Wanted, find
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.outbox.lifecycle import State

MESSAGES = f"{PAGE}/messages"


def add_search(router: APIRouter, house: House) -> None:
    """Add the page."""

    @router.api_route("/messages", methods=["GET", "HEAD"])
    async def show_search(
        request: Request,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        q: str = "",
        state: str = "",
        template: str = "",
        before: str = "",
    ) -> Response:
        wanted = Wanted(q, word_of(state, State), name_of(template), id_of(before))
        query = partial(find, wanted=wanted, keys=house.gate.keys, hiding=house.gate.hiding)
        found = await house.web.database.read(query)
        if (place := _place_of(found)) is not None:
            return house.kit.lead(place)
        asked = {"q": q.strip(), "state": wanted.state, "template": wanted.template}
        return house.kit.show(
            request,
            "search",
            current=current,
            found=found,
            asked=asked,
            states=[str(one) for one in State],
            templates=sorted({*house.web.templates.names, *([wanted.template] if wanted.template else [])}),
            newest=address_of(MESSAGES, **asked) if wanted.before else None,
            older=older_page(MESSAGES, found.older, **asked),
            looked_through=LOOKED_THROUGH,
            least=LEAST_PART_CHARACTERS,
        )


def _place_of(found: Found) -> str | None:
    """Where an id leads; None where there is something to choose from."""
    if found.kind not in (Kind.ID, Kind.MESSAGE_ID) or found.bounded:
        return None
    if found.messages:
        return f"{MESSAGES}/{found.messages[0].id}"
    if found.accounts:
        return f"{PAGE}/accounts/{found.accounts[0].id}"
    return f"{PAGE}/suppressions/{found.suppressions[0].id}" if found.suppressions else None
