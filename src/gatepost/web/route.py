"""What holds around every endpoint of ours, also when a host application only includes our router.

`route_class_for(context)` makes the `route_class` of a router: request id, origin check, content type, bounded body,
errors as problems, security header fields, one RequestAnswered event. No middleware is needed.
"""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi.routing import APIRoute
from starlette.background import BackgroundTask
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gatepost.errors import SignInFailed, TryLater
from gatepost.events import RequestAnswered, RoutineAnswered
from gatepost.web.body import MAX_BODY_BYTES, BoundedRequest, too_large
from gatepost.web.client import client_for
from gatepost.web.context import WebContext
from gatepost.web.languages import language_of
from gatepost.web.problems import Problem, problem_of, problem_response, refused, request_failed
from gatepost.web.security import (
    FORM_TYPE,
    SAFE_METHODS,
    add_security_headers,
    check_origin,
    request_id_for,
    request_id_of,
)
from gatepost.web.traced import hide_in_trace

_PROBLEM = "gatepost.problem"

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
AnswerProblem = Callable[[Request, Problem], Response]


def as_json(request: Request, problem: Problem) -> Response:
    """Answer a problem as problem+json."""
    return problem_response(problem, request_id_of(request), language_of(request))


class GatepostRoute(APIRoute):
    """A route that keeps our promises by itself. Use a subclass made by `route_class_for`."""

    context: ClassVar[WebContext]
    answer_problem: ClassVar[AnswerProblem]
    takes_forms: ClassVar[bool]
    routine: ClassVar[bool]
    max_body_bytes: ClassVar[int]
    from_anywhere: ClassVar[bool]

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.context.methods_at.setdefault(path, set()).update(self.methods or ())

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; everything below, FastAPI's own refusals included, passes through `decorated`."""
        context = self.context
        began = context.clock.monotonic()
        request_id = request_id_for(scope, context)
        client_for(scope, context)
        hide_in_trace(scope, self.path)

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                add_security_headers(headers, context)
            await send(message)
            # Before the background tasks: their time is not part of the answer.
            if message["type"] == "http.response.start":
                code, reason = scope.get(_PROBLEM, (None, None))
                context.events.emit(
                    (RoutineAnswered if self.routine and code is None else RequestAnswered)(
                        request_id=request_id,
                        method=scope["method"],
                        route=self.path,
                        status=message["status"],
                        duration_ms=round((context.clock.monotonic() - began) * 1000, 3),
                        code=code,
                        reason=reason,
                    )
                )

        if scope["method"] in (self.methods or ()):
            await super().handle(scope, receive, decorated)
        else:
            allow = {"Allow": ", ".join(sorted(context.methods_at[self.path]))}
            response = self._answer(Request(scope, receive), refused("method_not_allowed", headers=allow))
            await response(scope, receive, decorated)

    def get_route_handler(self) -> Endpoint:
        """Wrap FastAPI's handler, which parses, validates, calls the endpoint and serialises."""
        answer_inside = super().get_route_handler()
        takes_json = self.body_field is not None

        async def answer(request: Request) -> Response:
            try:
                if not self.from_anywhere:
                    check_origin(request.scope, self.context)
                _check_length(request, self.max_body_bytes)
                _check_kind(request, json=takes_json, forms=self.takes_forms)
                return await answer_inside(BoundedRequest(request.scope, request.receive, self.max_body_bytes))
            except Exception as error:
                return self._answer(request, error)

        return answer

    def _answer(self, request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        request.scope[_PROBLEM] = (problem.code, str(error) if isinstance(error, TryLater) else None)
        if problem.code == "internal_error":
            self.context.events.emit(request_failed(error, request_id_of(request)))
        response = type(self).answer_problem(request, problem)
        if isinstance(error, SignInFailed):
            # FastAPI drops the background tasks of who raises; an address that waits for its proof may get a message.
            response.background = BackgroundTask(self.context.ring)
        return response


def _check_length(request: Request, max_bytes: int) -> None:
    """Refuse by the header field alone what would be refused after reading: too large."""
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > max_bytes:
        raise too_large(max_bytes)


def _check_kind(request: Request, *, json: bool, forms: bool) -> None:
    """The same for a wrong type."""
    if request.method in SAFE_METHODS or not (json or forms):
        return
    length = request.headers.get("content-length", "0")
    kind = request.headers.get("content-type")
    if kind is None and length == "0" and "transfer-encoding" not in request.headers:
        return  # no body at all: the missing fields are named
    if not _is_kind(kind or "", FORM_TYPE if forms else "application/json"):
        raise refused("unsupported_media_type")


def _is_kind(content_type: str, wanted: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == wanted


def route_class_for(
    context: WebContext,
    *,
    answer_problem: AnswerProblem = as_json,
    takes_forms: bool = False,
    routine: bool = False,
    max_body_bytes: int = MAX_BODY_BYTES,
    from_anywhere: bool = False,
) -> type[GatepostRoute]:
    """Make the route class of one router.

    Args:
        context: what the routes need.
        answer_problem: how a problem is shown; pages show it as a page.
        takes_forms: unsafe methods take form bodies instead of JSON.
        routine: nobody reads a log line about an answer that went well.
        max_body_bytes: how much of a body is read: MAX_BODY_BYTES or MAX_POST_BYTES.
        from_anywhere: pages of other sites may send it too: all that it needs is in it, and no cookie counts.
    """
    return type(
        "GatepostRoute",
        (GatepostRoute,),
        {
            "context": context,
            "answer_problem": staticmethod(answer_problem),
            "takes_forms": takes_forms,
            "routine": routine,
            "max_body_bytes": max_body_bytes,
            "from_anywhere": from_anywhere,
        },
    )
