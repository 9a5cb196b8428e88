"""Pages for people: sign up, verify, reset. The same flows as the JSON routes, and the same rules.

Opening a page changes no account and no token, ever; its button does. What was typed is kept when something is wrong,
passwords never.
"""

from fastapi import APIRouter, BackgroundTasks
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.tokens import Purpose
from gatepost.accounts.verification import ChoosePassword
from gatepost.errors import BadToken
from gatepost.web.client import CallingClient
from gatepost.web.context import WebContext
from gatepost.web.inbox import Inbox, delay_router
from gatepost.web.languages import locale_of
from gatepost.web.opened import note_opened
from gatepost.web.page_kit import SHOWN, PageKit
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.static_files import static_router

_SHOW = ["GET", "HEAD"]


def pages_router(context: WebContext) -> APIRouter:
    """Make the router of the pages: /register, /verify, /verify/request, /reset, /reset/request, and their files."""
    kit = PageKit(context)
    route_class = route_class_for(context, answer_problem=kit.show_problem, takes_forms=True)
    router = APIRouter(route_class=route_class, include_in_schema=False)
    _add_registration(router, context, kit)
    _add_verification(router, context, kit)
    _add_verification_request(router, context, kit)
    _add_reset(router, context, kit)
    _add_reset_request(router, context, kit)
    router.include_router(static_router(context))
    router.include_router(delay_router(context, kit))
    return router


def _add_registration(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    inbox = Inbox(context, kit)

    @router.api_route("/register", methods=_SHOW)
    async def show_register(request: Request) -> Response:
        return kit.show(request, "register")

    @router.post("/register")
    async def submit_register(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        try:
            kit.check(request, typed)
            await context.flows.register(
                email=typed.get("email", ""),
                password=typed.get("password", ""),
                name=typed.get("name") or None,
                locale=None,
                request_id=request_id,
                preferred_locale=locale_of(request),
                client=client,
                challenge=typed.get("challenge"),
            )
        except SHOWN as error:
            return kit.show(request, "register", error=error, typed=typed)
        background.add_task(context.ring)
        return await inbox.show(request, "registered", typed=typed)


def _add_verification(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    @router.api_route("/verify", methods=_SHOW)
    async def show_verify(request: Request, background: BackgroundTasks, token: str = "") -> Response:
        note_opened(context, request, background, Purpose.VERIFICATION, token)
        return kit.show(request, "verify" if token else "ask_for_verification", token=token)

    @router.post("/verify")
    async def submit_verify(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        token, password = typed.get("token", ""), typed.get("password")
        page = "verify" if password is None else "choose_password"
        try:
            kit.check(request, typed)
            result = await context.flows.verify(token=token, password=password, request_id=request_id, client=client)
        except BadToken as error:
            return kit.show(request, "ask_for_verification", error=error)
        except SHOWN as error:
            return kit.show(request, page, error=error, token=token)
        background.add_task(context.ring)
        if isinstance(result, ChoosePassword):
            return kit.show(request, "choose_password", token=token)
        return kit.show(request, "verified", email=result.email)


def _add_verification_request(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    inbox = Inbox(context, kit)

    @router.api_route("/verify/request", methods=_SHOW)
    async def show_verify_request(request: Request) -> Response:
        return kit.show(request, "ask_for_verification")

    @router.post("/verify/request")
    async def submit_verify_request(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        reason = "registered" if typed.get("again") == "registered" else "verification"
        try:
            kit.check(request, typed)
            await context.flows.request_verification(
                email=typed.get("email", ""), request_id=request_id, client=client, challenge=typed.get("challenge")
            )
        except SHOWN as error:
            return await inbox.show_refusal(request, "ask_for_verification", reason, typed=typed, error=error)
        background.add_task(context.ring)
        return await inbox.show(request, reason, typed=typed)


def _add_reset(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    @router.api_route("/reset", methods=_SHOW)
    async def show_reset(request: Request, background: BackgroundTasks, token: str = "") -> Response:
        note_opened(context, request, background, Purpose.PASSWORD_RESET, token)
        return kit.show(request, "reset" if token else "ask_for_reset", token=token)

    @router.post("/reset")
    async def submit_reset(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        token = typed.get("token", "")
        try:
            kit.check(request, typed)
            await context.flows.reset_password(
                token=token, password=typed.get("password", ""), request_id=request_id, client=client
            )
        except BadToken as error:
            return kit.show(request, "ask_for_reset", error=error)
        except SHOWN as error:
            return kit.show(request, "reset", error=error, token=token)
        background.add_task(context.ring)
        return kit.show(request, "password_was_reset")


def _add_reset_request(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    inbox = Inbox(context, kit)

    @router.api_route("/reset/request", methods=_SHOW)
    async def show_reset_request(request: Request) -> Response:
        return kit.show(request, "ask_for_reset")

    @router.post("/reset/request")
    async def submit_reset_request(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        try:
            kit.check(request, typed)
            await context.flows.request_reset(
                email=typed.get("email", ""), request_id=request_id, client=client, challenge=typed.get("challenge")
            )
        except SHOWN as error:
            return await inbox.show_refusal(request, "ask_for_reset", "reset", typed=typed, error=error)
        background.add_task(context.ring)
        return await inbox.show(request, "reset", typed=typed)
