"""Pages for people who have an account: sign in, the account, confirm or undo a change of address.

The session is read from our cookie alone and goes nowhere else: no page, no address and no script ever holds its token.
"""

import contextlib
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Query
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.sessions import Current, Session
from gatepost.accounts.tokens import Purpose
from gatepost.clock import iso, minute
from gatepost.errors import BadToken, NoSuchSession, NotSignedIn
from gatepost.web.agent import browser_name
from gatepost.web.change_pages import add_change_pages
from gatepost.web.client import CallingClient
from gatepost.web.context import WebContext
from gatepost.web.flows import RedeemAddress
from gatepost.web.next_page import DEFAULT_PAGE, safe_next
from gatepost.web.opened import note_opened
from gatepost.web.page_kit import SHOWN, PageKit
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.signed_in import brought, clear_cookie, set_cookie
from gatepost.web.visitor import to_login, visitor

_SHOW = ["GET", "HEAD"]
_Next = Annotated[str, Query(alias="next")]
# What the account page may say was done: the way back to it after a form names one of these in its address.
_DONE = ("profile", "session", "sessions")
_PHONES = ("iPhone", "iPad", "Android")
_LINKED = {"confirm_address": Purpose.ADDRESS_CHANGE, "undo_address": Purpose.ADDRESS_UNDO}


def account_pages_router(context: WebContext) -> APIRouter:
    """Make the router of the pages: /login, /account and what is below it, /email/confirm, /email/undo."""
    kit = PageKit(context)
    route_class = route_class_for(context, answer_problem=kit.show_problem, takes_forms=True)
    router = APIRouter(route_class=route_class, include_in_schema=False)
    _add_sign_in(router, context, kit)
    _add_account(router, context, kit)
    _add_sign_out(router, context, kit)
    add_change_pages(router, context, kit)
    _add_address_link(router, context, kit, "/email/confirm", "confirm_address", context.flows.confirm_address)
    _add_address_link(router, context, kit, "/email/undo", "undo_address", context.flows.undo_address_change)
    return router


def _add_sign_in(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    @router.api_route("/login", methods=_SHOW)
    async def show_login(request: Request, onward: _Next = "") -> Response:
        return kit.show(request, "login", next=safe_next(onward, context.settings))

    @router.post("/login")
    async def submit_login(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        target = safe_next(typed.get("next"), context.settings)
        background.add_task(context.ring)  # in every case: an address that waits for its proof gets another message
        try:
            kit.check(request, typed)
            entered = await context.flows.sign_in(
                email=typed.get("email", ""),
                password=typed.get("password", ""),
                request_id=request_id,
                client=client,
                challenge=typed.get("challenge"),
                replaces=brought(request, context),
            )
        except SHOWN as error:
            return kit.show(request, "login", error=error, typed=typed, next=target)
        response = kit.lead(request, target) if target == DEFAULT_PAGE else kit.lead_to(request, target)
        set_cookie(response, entered.token, context)
        return response


def _add_account(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    @router.api_route("/account", methods=_SHOW)
    async def show_account(request: Request, done: str = "") -> Response:
        return await _account_page(request, context, kit, done=done if done in _DONE else "")

    @router.post("/account/sessions/end")
    async def submit_end(request: Request, request_id: RequestId) -> Response:
        typed = await kit.read(request)
        try:
            kit.check(request, typed)
        except SHOWN as error:
            return await _account_page(request, context, kit, error)
        if (current := await visitor(request, context)) is None:
            return to_login(request, context, kit, DEFAULT_PAGE)
        with contextlib.suppress(NoSuchSession):  # it ended by itself, or by a second click: what was wanted holds
            await context.flows.end_session(current, _session_id(typed), request_id=request_id)
        return kit.lead(request, DEFAULT_PAGE, done="session")

    @router.post("/account/sessions/end-others")
    async def submit_end_others(request: Request, request_id: RequestId) -> Response:
        typed = await kit.read(request)
        try:
            kit.check(request, typed)
        except SHOWN as error:
            return await _account_page(request, context, kit, error)
        if (current := await visitor(request, context)) is None:
            return to_login(request, context, kit, DEFAULT_PAGE)
        try:
            await context.flows.end_other_sessions(current, request_id=request_id)
        except NotSignedIn:  # somebody else was faster
            return to_login(request, context, kit, DEFAULT_PAGE)
        return kit.lead(request, DEFAULT_PAGE, done="sessions")


def _add_sign_out(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    @router.post("/account/sign-out")
    async def submit_sign_out(request: Request, request_id: RequestId) -> Response:
        typed = await kit.read(request)
        try:
            kit.check(request, typed)
        except SHOWN as error:
            return await _account_page(request, context, kit, error)
        if (token := brought(request, context)) is not None:
            await context.flows.sign_out(token, request_id=request_id)
        response = kit.show(request, "signed_out")
        # No Clear-Site-Data: it would also wipe what the host application keeps for this site, and for its subdomains.
        # Of ours there is nothing else to wipe: every page is `no-store`, and no script of ours stores anything.
        clear_cookie(response, context)
        return response


def _add_address_link(
    router: APIRouter, context: WebContext, kit: PageKit, path: str, page: str, redeem: RedeemAddress
) -> None:
    @router.api_route(path, methods=_SHOW)
    async def show_link(request: Request, background: BackgroundTasks, token: str = "") -> Response:
        note_opened(context, request, background, _LINKED[page], token)
        return kit.show(request, page if token else "open_the_link", token=token)

    @router.post(path)
    async def submit_link(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        token = typed.get("token", "")
        try:
            kit.check(request, typed)
            account = await redeem(token=token, request_id=request_id, client=client)
        except BadToken as error:
            return kit.show(request, "open_the_link", error=error)
        except SHOWN as error:
            return kit.show(request, page, error=error, token=token)
        background.add_task(context.ring)
        return kit.show(request, f"{page}_done", email=account.email)


async def _account_page(
    request: Request, context: WebContext, kit: PageKit, error: Exception | None = None, *, done: str = ""
) -> Response:
    """Show the account of who is signed in; everybody else is led to where one signs in."""
    if (current := await visitor(request, context)) is None:
        return to_login(request, context, kit, DEFAULT_PAGE)
    sessions = [_shown(session, current) for session in await context.flows.list_sessions(current)]
    return kit.show(
        request,
        "account",
        error=error,
        account=current.account,
        verified=None if current.account.verified_at is None else minute(current.account.verified_at),
        sessions=sorted(sessions, key=lambda one: not one["current"]),
        kept_days=context.settings.deleted_kept_days,
        done=done,
    )


def _shown(session: Session, current: Current) -> dict[str, Any]:
    browser = browser_name(session.agent)
    return {
        "id": str(session.id),
        "browser": browser,
        "on_phone": browser is not None and browser.endswith(_PHONES),
        "network": session.network,
        "seen": minute(session.seen_at),
        "seen_iso": iso(session.seen_at),
        "current": session.id == current.session_id,
    }


def _session_id(typed: dict[str, str]) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get("session", ""))
    except ValueError:
        raise NoSuchSession("no id") from None
