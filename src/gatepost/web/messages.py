"""GET /mail/messages and /mail/messages/{id}: what became of every message, for operators. Reads only."""

import uuid
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from gatepost.clock import iso
from gatepost.errors import N_
from gatepost.outbox import search
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow, MessageRow
from gatepost.web.access import operators_only
from gatepost.web.context import WebContext
from gatepost.web.problems import documented, refused
from gatepost.web.route import route_class_for

_STORABLE = r"^[^\x00]*$"  # PostgreSQL answers NUL with an error


class MessageBody(BaseModel):
    """One message. Instants are RFC 3339 in UTC; `recipient` is null for an address nobody has an account for."""

    id: uuid.UUID
    state: State
    reason: str | None
    template: str
    locale: str
    recipient: str | None
    message_id: str
    account_id: uuid.UUID | None
    request_id: str | None
    attempts: int
    created_at: str
    expires_at: str
    due_at: str | None
    settled_at: str | None


class AttemptBody(BaseModel):
    """One try to submit a message; `number` is null when it does not count."""

    claim_number: int
    number: int | None
    phase: str | None
    outcome: str
    reply_code: int | None
    enhanced_status: str | None
    reply_text: str | None
    server: str | None
    started_at: str
    duration_ms: int | None


class MessagePage(BaseModel):
    """Messages, newest first. `next` is the value of `before` for the page after this one; null: no more."""

    messages: list[MessageBody]
    next: uuid.UUID | None


class MessageWithAttempts(BaseModel):
    """One message with every try."""

    message: MessageBody
    attempts: list[AttemptBody]


def messages_router(context: WebContext) -> APIRouter:
    """Make the router of the message list; every route needs the admin token."""
    router = APIRouter(
        prefix="/mail/messages",
        route_class=route_class_for(context),
        tags=["mail"],
        dependencies=[Depends(operators_only(context))],
    )

    @router.get("", responses=documented("unauthorized", "invalid_input", "try_later"), summary="List messages")
    async def get_messages(
        recipient: Annotated[str | None, Query(max_length=320, pattern=_STORABLE)] = None,
        state: State | None = None,
        template: Annotated[str | None, Query(max_length=64, pattern=_STORABLE)] = None,
        before: uuid.UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=search.MAX_PAGE)] = 50,
    ) -> MessagePage:
        """Newest first. `before` is the `next` of the page before this one."""
        page = partial(
            search.page,
            recipient_keys=None if recipient is None else context.recipient_keys(recipient),
            state=state,
            template=template,
            before=before,
            limit=limit,
        )
        rows = await context.database.read(page)
        return MessagePage(messages=[_message(row) for row in rows], next=rows[-1].id if len(rows) == limit else None)

    @router.get(
        "/{id}",
        responses=documented("unauthorized", "not_found", "invalid_input", "try_later"),
        summary="Show one message with its attempts",
    )
    async def get_message(id: uuid.UUID) -> MessageWithAttempts:
        """Everything known about one message; what it said is not kept."""
        found = await context.database.read(partial(search.find, message_id=id))
        if found is None:
            raise refused("not_found", detail=N_("There is no message with this id."))
        return MessageWithAttempts(message=_message(found.message), attempts=[_attempt(one) for one in found.attempts])

    return router


def _message(row: MessageRow) -> MessageBody:
    return MessageBody.model_validate(_with_text_instants(asdict(row)))


def _attempt(row: AttemptRow) -> AttemptBody:
    return AttemptBody.model_validate(_with_text_instants(asdict(row)))


def _with_text_instants(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if name.endswith("_at") and value is not None else value for name, value in row.items()}
