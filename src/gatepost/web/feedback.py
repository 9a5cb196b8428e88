"""/feedback/{provider}: what mail providers post about messages after they took them. Each one proves itself."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.requests import Request

from gatepost.errors import N_, FeedbackError
from gatepost.events import FeedbackRefused
from gatepost.feedback.fact import Fact
from gatepost.feedback.provider import MAX_POST_BYTES, Posted, Provider
from gatepost.web.client import address_of
from gatepost.web.context import WebContext
from gatepost.web.problems import documented, refused
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId

NO_SUCH_PROVIDER = N_("There is no provider of this name.")
_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "As the provider documents it, signed or sent with its login.",
        "content": {"application/json": {"schema": {}}},
    }
}


class Received(BaseModel):
    """It was taken, or is known already; the provider need not post it again."""

    status: Literal["ok"] = "ok"


def feedback_router(context: WebContext) -> APIRouter:
    """Make the router of what providers post; no person's credential opens it."""
    router = APIRouter(route_class=route_class_for(context, max_body_bytes=MAX_POST_BYTES), tags=["feedback"])
    problems = ("feedback_unreadable", "feedback_not_proven", "foreign_origin", "not_found", "body_too_large")

    @router.post(
        "/feedback/{provider}",
        name="post_feedback",
        responses=documented(*problems, "invalid_input", "try_later"),
        openapi_extra=_BODY,
        summary="Tell what became of messages (mail providers)",
    )
    async def post_feedback(
        provider: Annotated[str, Path(examples=["ses"])], request: Request, request_id: RequestId
    ) -> Received:
        """The same event posted again, or one about no message of ours, is answered alike."""
        reader = context.providers.get(provider)
        if reader is None:
            raise refused("not_found", detail=NO_SUCH_PROVIDER)
        facts = await _facts(context, reader, request, request_id)
        if facts:
            await context.take_feedback(facts, request_id=request_id)
        return Received()

    return router


async def _facts(context: WebContext, provider: Provider, request: Request, request_id: str) -> list[Fact]:
    posted = Posted(
        headers=dict(request.headers),
        body=await request.body(),
        peer=address_of(request.scope, context),
        now_ms=context.clock.now_ms(),
    )
    try:
        return list(await provider.read(posted))
    except FeedbackError as error:
        context.events.emit(FeedbackRefused(source=provider.name, reason=str(error), request_id=request_id))
        raise
