"""/mail/suppressions: who must not be written to and why; an operator may add to it and lift."""

import uuid
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gatepost.audit.trail import MAX_REASON_CHARACTERS, Signature, clean_reason
from gatepost.clock import iso
from gatepost.suppression.by_hand import MAX_EXPIRES_IN_DAYS, Wanted
from gatepost.suppression.page import MAX_PAGE, SuppressionRow
from gatepost.suppression.reason import Reason, Scope
from gatepost.web.access import operators_only
from gatepost.web.context import WebContext
from gatepost.web.messages import ACTOR
from gatepost.web.problems import documented
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.text import Text

_STORABLE = r"^[^\x00]*$"  # PostgreSQL answers NUL with an error


class SuppressionBody(BaseModel):
    """One suppression. Instants are RFC 3339 in UTC.

    `address` is null where the person was erased: only who asks for the address finds it. `message` is the message it
    came of. `expires_at` null: until it is lifted. `let_through_at` is when the last password reset went out in spite
    of it.
    """

    id: uuid.UUID
    address: str | None
    scope: Scope
    reason: Reason
    source: str
    detail: str | None
    message: uuid.UUID | None
    created_at: str
    expires_at: str | None
    let_through_at: str | None

    @classmethod
    def of(cls, row: SuppressionRow) -> "SuppressionBody":
        instants = {name: value for name, value in asdict(row).items() if name.endswith("_at")}
        texts = {name: None if value is None else iso(value) for name, value in instants.items()}
        return cls.model_validate({**asdict(row), **texts})


class SuppressionPage(BaseModel):
    """Suppressions, newest first. `next` is the value of `before` for the page after this one; null: no more."""

    suppressions: list[SuppressionBody]
    next: uuid.UUID | None


class SuppressBody(BaseModel):
    """Whom not to write to. `detail` says why, for other operators; it is kept beside what was done as well."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    address: Annotated[Text, Field(max_length=320, examples=["ada@example.com"])]
    scope: Scope = Scope.ALL
    expires_in_days: Annotated[int | None, Field(strict=True, ge=1, le=MAX_EXPIRES_IN_DAYS)] = None
    detail: Text | None = Field(None, examples=["asked for it on the phone"])


class OneSuppression(BaseModel):
    """The suppression as it stands."""

    suppression: SuppressionBody


def suppressions_router(context: WebContext) -> APIRouter:
    """Make the router of the suppressions; every route needs the admin token."""
    router = APIRouter(
        prefix="/mail/suppressions",
        route_class=route_class_for(context),
        tags=["mail"],
        dependencies=[Depends(operators_only(context))],
    )

    @router.get("", responses=documented("unauthorized", "invalid_input", "try_later"), summary="List suppressions")
    async def get_suppressions(
        recipient: Annotated[str | None, Query(max_length=320, pattern=_STORABLE)] = None,
        reason: Reason | None = None,
        before: uuid.UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> SuppressionPage:
        """Newest first. `before` is the `next` of the page before this one."""
        query = context.suppressions.page(recipient=recipient, reason=reason, before=before, limit=limit)
        rows = await context.database.read(query)
        following = rows[-1].id if len(rows) == limit else None
        return SuppressionPage(suppressions=[SuppressionBody.of(row) for row in rows], next=following)

    _add_deeds(router, context)
    return router


def _add_deeds(router: APIRouter, context: WebContext) -> None:
    body_problems = ("body_too_large", "unsupported_media_type", "invalid_input", "try_later")

    @router.post(
        "",
        status_code=201,
        responses=documented("unauthorized", "foreign_origin", *body_problems),
        summary="Write to an address no more",
    )
    async def post_suppression(wanted: SuppressBody, request_id: RequestId) -> OneSuppression:
        """Once more renews what an operator said before: the scope only widens, and it never ends sooner."""
        by = Signature(actor=ACTOR, reason=clean_reason(wanted.detail, field="detail"), request_id=request_id)
        row = await context.suppressions.add(Wanted(wanted.address, wanted.scope, wanted.expires_in_days), by)
        return OneSuppression(suppression=SuppressionBody.of(row))

    @router.delete(
        "/{id}",
        status_code=204,
        response_class=Response,
        responses=documented("unauthorized", "foreign_origin", "not_found", "invalid_input", "try_later"),
        summary="Lift a suppression",
    )
    async def delete_suppression(
        id: uuid.UUID,
        request_id: RequestId,
        reason: Annotated[str | None, Query(max_length=MAX_REASON_CHARACTERS, pattern=_STORABLE)] = None,
    ) -> None:
        """Whatever it was for: the address may be written to again, unless there is another one."""
        by = Signature(actor=ACTOR, reason=clean_reason(reason), request_id=request_id)
        await context.suppressions.lift(id, by)
