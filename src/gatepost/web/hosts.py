"""The edge of the service: which names it answers to, and what holds for addresses that are no route of ours.

Only the service installs this; in a host application these are the host's own affairs.
"""

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.web.context import WebContext
from gatepost.web.languages import language_of
from gatepost.web.page_kit import PageKit
from gatepost.web.problems import PROBLEMS, problem_of, problem_response, request_failed
from gatepost.web.security import add_security_headers, host_name, is_loopback_name, request_id_for
from gatepost.web.traced import hide_in_trace

# Load balancers and scrapers ask by address.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class KnownHosts:
    """ASGI middleware: refuses a Host that is not ours; every answer, the last resort too, gets its header fields."""

    def __init__(self, app: ASGIApp, context: WebContext) -> None:
        self._app = app
        self._context = context
        self._ours = host_name(context.settings.public_url.partition("://")[2].partition("/")[0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_for(scope, self._context)
        hide_in_trace(scope, None)  # a route of ours says its own path again
        started = False

        async def decorated(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                add_security_headers(headers, self._context)
            await send(message)

        if scope["path"] not in PROBES and not self._is_known(scope):
            await _refusal("unknown_host", scope, request_id)(scope, receive, decorated)
            return
        try:
            await self._app(scope, receive, decorated)
        except Exception as error:
            if started:
                raise  # the answer is out; the server's own log has to tell the rest
            self._context.events.emit(request_failed(error, request_id))
            await _refusal("internal_error", scope, request_id)(scope, receive, decorated)

    def _is_known(self, scope: Scope) -> bool:
        hosts = Headers(scope=scope).getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None:
            return False
        return name == self._ours or (self._context.in_development and is_loopback_name(name))


def _refusal(code: str, scope: Scope, request_id: str) -> Response:
    return problem_response(PROBLEMS[code], request_id, language_of(HTTPConnection(scope)))


def install_service_handlers(app: FastAPI, context: WebContext) -> None:
    """Answer for the whole service application: unknown hosts, unknown addresses, methods nobody offers, our bugs."""
    kit = PageKit(context)

    async def answer(request: Request, error: Exception) -> Response:
        return kit.show_problem(request, problem_of(error))

    app.add_exception_handler(HTTPException, answer)
    app.add_middleware(KnownHosts, context=context)
