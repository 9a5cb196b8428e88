"""Pages on which a signed-in person changes the account: name and language, password, address; and deletes it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, BackgroundTasks
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.client import Client
from gatepost.accounts.sessions import Current
from gatepost.errors import NotSignedIn
from gatepost.web.client import CallingClient
from gatepost.web.context import WebContext
from gatepost.web.inbox import Inbox
from gatepost.web.languages import LANGUAGES
from gatepost.web.next_page import DEFAULT_PAGE
from gatepost.web.page_kit import SHOWN, PageKit
from gatepost.web.security import RequestId
from gatepost.web.signed_in import clear_cookie
from gatepost.web.visitor import to_login, visitor


@dataclass(frozen=True)
class _Sent:
    """A form as a signed-in person sent it."""

    request: Request
    current: Current
    typed: dict[str, str]
    request_id: str
    client: Client


_Change = Callable[[_Sent], Awaitable[Response]]


def add_change_pages(router: APIRouter, context: WebContext, kit: PageKit) -> None:
    """Add /account/profile, /account/password, /account/email, /account/delete and /.well-known/change-password."""
    flows = context.flows
    inbox = Inbox(context, kit)

    async def profile(sent: _Sent) -> Response:
        changes: dict[str, str | None] = {
            name: sent.typed[name] or None for name in ("name", "locale") if name in sent.typed
        }
        await flows.change_profile(sent.current, changes=changes, request_id=sent.request_id)
        return kit.lead(sent.request, DEFAULT_PAGE, done="profile")

    async def password(sent: _Sent) -> Response:
        await flows.change_password(sent.current, password=sent.typed.get("password", ""), **_proof(sent))
        return kit.show(sent.request, "change_done", done="password")

    async def address(sent: _Sent) -> Response:
        email = sent.typed.get("email", "")
        await flows.request_address_change(sent.current, email=email, **_proof(sent))
        return await inbox.show(sent.request, "address", typed=sent.typed, language=sent.current.account.locale)

    async def delete(sent: _Sent) -> Response:
        await flows.delete_account(sent.current, **_proof(sent))
        days = context.settings.deleted_kept_days
        response = kit.show(sent.request, "change_done", done="deleted", kept_days=days)
        clear_cookie(response, context)
        return response

    _add_form(router, context, kit, "/account/profile", "change_profile", profile)
    _add_form(router, context, kit, "/account/password", "change_password", password)
    _add_form(router, context, kit, "/account/email", "change_address", address)
    _add_form(router, context, kit, "/account/delete", "delete_account", delete)
    _add_well_known(router, kit)


def _add_form(router: APIRouter, context: WebContext, kit: PageKit, path: str, page: str, change: _Change) -> None:
    def show(request: Request, current: Current, **values: Any) -> Response:
        tongues = LANGUAGES | {current.account.locale: LANGUAGES.get(current.account.locale, current.account.locale)}
        kept_days = context.settings.deleted_kept_days
        return kit.show(request, page, account=current.account, tongues=tongues, kept_days=kept_days, **values)

    @router.api_route(path, methods=["GET", "HEAD"])
    async def show_form(request: Request) -> Response:
        current = await visitor(request, context)
        return to_login(request, context, kit, path) if current is None else show(request, current)

    @router.post(path)
    async def submit_form(
        request: Request, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> Response:
        typed = await kit.read(request)
        if (current := await visitor(request, context)) is None:
            return to_login(request, context, kit, path)
        try:
            kit.check(request, typed)
            response = await change(_Sent(request, current, typed, request_id, client))
        except NotSignedIn:  # it ended while the password was checked
            return to_login(request, context, kit, path)
        except SHOWN as error:
            return show(request, current, error=error, typed=typed)
        background.add_task(context.ring)
        return response


def _add_well_known(router: APIRouter, kit: PageKit) -> None:
    @router.api_route("/.well-known/change-password", methods=["GET", "HEAD"])
    async def find_change_password(request: Request) -> Response:
        """Where password programs send a person whose password has leaked (W3C, RFC 8615)."""
        return kit.lead(request, "/account/password")


def _proof(sent: _Sent) -> dict[str, Any]:
    return {
        "current_password": sent.typed.get("current_password", ""),
        "request_id": sent.request_id,
        "client": sent.client,
    }
