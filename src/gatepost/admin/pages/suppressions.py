"""/admin/suppressions: who must not be written to and why; support lifts, an operator adds."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only, signature
from gatepost.admin.asked import address_of, id_of, older_page, word_of
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.errors import N_, FieldError, InvalidInput, NoSuchSuppression
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.suppression.by_hand import MAX_EXPIRES_IN_DAYS, Wanted
from gatepost.suppression.page import SuppressionRow, find
from gatepost.suppression.reason import Reason, Scope

SUPPRESSIONS = f"{PAGE}/suppressions"
PAGE_ROWS = 50


def add_suppressions(router: APIRouter, house: House) -> None:
    """Add the list, what adds to it, and each suppression with what lifts it."""
    _add_list(router, house)
    _add_one(router, house)


def _add_list(router: APIRouter, house: House) -> None:
    @router.api_route("/suppressions", methods=["GET", "HEAD"])
    async def show_suppressions(
        request: Request,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        q: str = "",
        reason: str = "",
        before: str = "",
        done: str = "",
    ) -> Response:
        return await _show_list(house, request, current, q=q, reason=reason, before=before, told=done)

    @router.post("/suppressions")
    async def post_suppression(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.OPERATOR))]
    ) -> Response:
        fields = await house.kit.read(request)
        try:
            by = signature(request, current, fields)
            scope = word_of(fields.get("scope", ""), Scope) or Scope.ALL
            days = _days_in(fields.get("expires_in_days", ""))
            row = await house.web.suppressions.add(Wanted(fields.get("address", ""), scope, days), by)
        except InvalidInput as error:
            return await _show_list(house, request, current, error=error, typed=fields)
        return house.kit.lead(f"{SUPPRESSIONS}/{row.id}", done="suppressed")


async def _show_list(
    house: House,
    request: Request,
    current: CurrentOperator,
    *,
    q: str = "",
    reason: str = "",
    before: str = "",
    told: str = "",
    error: Exception | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    text, only_for, since = q.strip().replace("\x00", ""), word_of(reason, Reason), id_of(before)
    query = house.web.suppressions.page(recipient=text or None, reason=only_for, before=since, limit=PAGE_ROWS)
    rows = await house.web.database.read(query)
    asked = {"q": text, "reason": only_for}
    return house.kit.show(
        request,
        "suppressions",
        current=current,
        error=error,
        typed=typed,
        found=rows,
        asked=asked,
        told=told,
        reasons=[str(one) for one in Reason],
        max_days=MAX_EXPIRES_IN_DAYS,
        may_operate=current.operator.role.may(Role.OPERATOR),
        newest=address_of(SUPPRESSIONS, **asked) if since else None,
        older=older_page(SUPPRESSIONS, rows[-1].id if len(rows) == PAGE_ROWS else None, **asked),
    )


def _add_one(router: APIRouter, house: House) -> None:
    async def show(
        request: Request, id: uuid.UUID, current: CurrentOperator, told: str = "", error: Exception | None = None
    ) -> Response:
        row: SuppressionRow | None = await house.web.database.read(lambda connection: find(connection, id))
        if row is None:
            raise NoSuchSuppression(f"there is no suppression with the id {id}")
        return house.kit.show(request, "suppression", current=current, error=error, row=row, told=told)

    @router.api_route("/suppressions/{id}", methods=["GET", "HEAD"])
    async def show_suppression(
        request: Request,
        id: uuid.UUID,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        done: str = "",
    ) -> Response:
        return await show(request, id, current, told=done)

    @router.post("/suppressions/{id}/lift")
    async def post_lift(
        request: Request, id: uuid.UUID, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        fields = await house.kit.read(request)
        try:
            lifted = await house.web.suppressions.lift(id, signature(request, current, fields))
        except InvalidInput as error:
            return await show(request, id, current, error=error)
        return house.kit.lead(SUPPRESSIONS, q=lifted.address or "", done="lifted")


def _days_in(text: str) -> int | None:
    """Read for how many days; nothing means until it is lifted.

    Raises:
        InvalidInput: it is no whole number, or out of its bounds.
    """
    if not text.strip():
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_EXPIRES_IN_DAYS and len(text) < 6:
        return int(text)
    sentence = N_("Use a whole number from 1 to %(limit)s, or leave it empty.")
    raise InvalidInput([FieldError("expires_in_days", "invalid", sentence, {"limit": MAX_EXPIRES_IN_DAYS})])
