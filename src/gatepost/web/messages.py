"""/mail/messages: what became of every message, and what an operator may do about one."""

import uuid
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from gatepost.audit.trail import Signature, clean_reason
from gatepost.clock import iso
from gatepost.explain.sentence import sentence
from gatepost.explain.story import read_story
from gatepost.outbox import search
from gatepost.outbox.actions import Action
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow, MessageRow
from gatepost.transport.reply_table import explain
from gatepost.web.access import operators_only
from gatepost.web.context import WebContext
from gatepost.web.problems import NO_SUCH_MESSAGE, documented, refused
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.text import Text

ACTOR = "admin token"
_STORABLE = r"^[^\x00]*$"  # PostgreSQL answers NUL with an error


class MessageBody(BaseModel):
    """One message. Instants are RFC 3339 in UTC; `recipient` is null for an address nobody has an account for.

    `resent_from` is the message an operator had sent again as this one.
    """

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
    resent_from: uuid.UUID | None


class AttemptBody(BaseModel):
    """One try to submit a message; `number` is null when it does not count.

    `explanation` says in one sentence what it came to, for support.
    """

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
    explanation: str


class MessagePage(BaseModel):
    """Messages, newest first. `next` is the value of `before` for the page after this one; null: no more."""

    messages: list[MessageBody]
    next: uuid.UUID | None


class DeedBody(BaseModel):
    """One thing an operator did; `result` is the message that came of a resend."""

    at: str
    actor: str
    action: str
    result: uuid.UUID | None
    state_before: str | None
    state_after: str | None
    reason: str | None
    request_id: str | None


class FactBody(BaseModel):
    """One fact that came back about a message.

    `at` is when it happened by the source's word; `applied_at` is null until the message is settled.
    """

    at: str
    received_at: str
    source: str
    kind: str
    bounce: str | None
    status: str | None
    detail: str | None
    applied_at: str | None


class OpenBody(BaseModel):
    """That the link in a message was opened: by whom it seems (`person` or `scanner`), and when the first time."""

    opener: str
    opened_at: str


class MessageWithAttempts(BaseModel):
    """One message with every try, what came back, who opened its link, what operators did to it, and its copies.

    `summary` says in one sentence what became of it, for support.
    """

    summary: str
    message: MessageBody
    attempts: list[AttemptBody]
    feedback: list[FactBody]
    opens: list[OpenBody]
    actions: list[DeedBody]
    resent_as: list[uuid.UUID]


class WishBody(BaseModel):
    """Why; kept beside what was done. May be left out, and so may the whole body."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reason: Text | None = Field(None, examples=["the person asked for it on the phone"])


class OneMessage(BaseModel):
    """The message as it is now; after a resend the new one, whose `resent_from` is the old one."""

    message: MessageBody


_NO_WISH = WishBody(reason=None)


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
        story = await context.database.read(partial(read_story, message_id=id))
        if story is None:
            raise refused("not_found", detail=NO_SUCH_MESSAGE)
        return MessageWithAttempts(
            summary=sentence(story, context.clock.now_ms()),
            message=_message(story.message),
            attempts=[_attempt(one) for one in story.tries],
            feedback=[FactBody.model_validate(_with_text_instants(asdict(one))) for one in story.facts],
            opens=[OpenBody.model_validate(_with_text_instants(asdict(one))) for one in story.opens],
            actions=[DeedBody.model_validate(_with_text_instants(asdict(one))) for one in story.deeds],
            resent_as=list(story.resent_as),
        )

    for action in Action:
        _add_action(router, context, action)
    return router


_SUMMARIES = {
    Action.HOLD: "Stop a message that waits",
    Action.RELEASE: "Let a held message go out now",
    Action.CANCEL: "Stop a message, or its further copies, for good",
    Action.RESEND: "Send what went out, or failed, once more as a new message",
}


def _add_action(router: APIRouter, context: WebContext, action: Action) -> None:
    problems = ("unauthorized", "foreign_origin", "not_found", "message_in_flight", "action_refused", "body_too_large")

    @router.post(
        f"/{{id}}/{action}",
        name=f"{action}_message",
        status_code=202,
        responses=documented(*problems, "unsupported_media_type", "invalid_input", "try_later"),
        summary=_SUMMARIES[action],
    )
    async def post_action(id: uuid.UUID, request_id: RequestId, wish: WishBody = _NO_WISH) -> OneMessage:
        """Done and written down in one transaction, or neither."""
        by = Signature(actor=ACTOR, reason=clean_reason(wish.reason), request_id=request_id)
        acted = await context.operate(action, id, by)
        row = await context.database.read(partial(search.find_row, message_id=acted.shown))
        if row is None:
            raise refused("not_found", detail=NO_SUCH_MESSAGE)
        return OneMessage(message=_message(row))


def _message(row: MessageRow) -> MessageBody:
    return MessageBody.model_validate(_with_text_instants(asdict(row)))


def _attempt(row: AttemptRow) -> AttemptBody:
    explanation = explain(row.outcome, row.phase, row.reply_code, row.enhanced_status)
    return AttemptBody.model_validate({**_with_text_instants(asdict(row)), "explanation": explanation})


def _with_text_instants(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if _is_instant(name) and value is not None else value for name, value in row.items()}


def _is_instant(name: str) -> bool:
    return name == "at" or name.endswith("_at")
