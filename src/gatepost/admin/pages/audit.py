"""/admin/audit: what operators did, when, to what and why; as a page and as a file for a spreadsheet."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only
from gatepost.admin.asked import address_of, id_of, name_of, older_page
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.audit.read import LOOKED_THROUGH, MAX_PAGE, DeedRow, Wanted, page
from gatepost.audit.sheet import sheet
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator

AUDIT = f"{PAGE}/audit"
PAGE_ROWS = 100
MAX_ACTOR_CHARACTERS = 100
# Where one finds what a deed was done to. What is in no group has no page: it is gone, or was never a row.
_MESSAGE = frozenset({"hold", "release", "cancel", "resend", "reveal"})
_ACCOUNT = frozenset({"disable", "enable", "end_sessions", "correct_address", "start_reset"})


def add_audit(router: APIRouter, house: House) -> None:
    """Add the page and the file."""

    @router.api_route("/audit", methods=["GET", "HEAD"])
    async def show_audit(
        request: Request,
        current: Annotated[CurrentOperator, Depends(only(house, Role.OPERATOR))],
        actor: str = "",
        action: str = "",
        subject: str = "",
        before: str = "",
    ) -> Response:
        wanted = _wanted(actor, action, subject, before)
        rows = await house.web.database.read(partial(page, wanted=wanted, limit=PAGE_ROWS))
        asked = {"actor": wanted.actor, "action": wanted.action, "subject": wanted.subject}
        return house.kit.show(
            request,
            "audit",
            current=current,
            found=[(row, place_of(row)) for row in rows],
            asked=asked,
            bounded=(wanted.actor or wanted.action) and not wanted.subject,
            looked_through=LOOKED_THROUGH,
            most=MAX_PAGE,
            file=address_of(f"{AUDIT}.csv", **asked, before=wanted.before),
            newest=address_of(AUDIT, **asked) if wanted.before else None,
            older=older_page(AUDIT, rows[-1].id if len(rows) == PAGE_ROWS else None, **asked),
        )

    @router.get("/audit.csv")
    async def get_audit_file(
        current: Annotated[CurrentOperator, Depends(only(house, Role.OPERATOR))],
        actor: str = "",
        action: str = "",
        subject: str = "",
        before: str = "",
    ) -> Response:
        wanted = _wanted(actor, action, subject, before)
        rows = await house.web.database.read(partial(page, wanted=wanted, limit=MAX_PAGE))
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
        return Response(sheet(rows), media_type="text/csv; charset=utf-8", headers=headers)


def place_of(row: DeedRow) -> str | None:
    """The page of what a deed was done to; None where there is none."""
    if row.action in _MESSAGE:
        return f"{PAGE}/messages/{row.subject}"
    if row.action in _ACCOUNT:
        return f"{PAGE}/accounts/{row.subject}"
    return f"{PAGE}/suppressions/{row.subject}" if row.action == "suppress" else None


def _wanted(actor: str, action: str, subject: str, before: str) -> Wanted:
    who = actor.strip().replace("\x00", "")[:MAX_ACTOR_CHARACTERS]
    return Wanted(who or None, name_of(action), id_of(subject.strip()), id_of(before))
