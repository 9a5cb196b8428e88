"""The JSON routes by which a signed-in person changes the account: profile, password, address, deletion."""

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from gatepost.accounts.sessions import Current
from gatepost.web.accounts import AccountBody, CheckYourInbox
from gatepost.web.client import CallingClient
from gatepost.web.context import WebContext
from gatepost.web.flows import RedeemAddress
from gatepost.web.problems import documented
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.signed_in import clear_cookie, signed_in
from gatepost.web.text import Text

_ANY_JSON = ("foreign_origin", "body_too_large", "unsupported_media_type", "invalid_input", "try_later")
_PROVED = ("not_signed_in", "wrong_password", "too_many_requests", *_ANY_JSON)

_CurrentPassword = Annotated[Text, Field(repr=False, description="The password of the account as it is now.")]


class _Body(BaseModel):
    """What was sent. Unknown members are ignored: nobody can say `verified_at` about themselves."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ProfileBody(_Body):
    """What is left out stays as it is; `name` null takes the name away."""

    name: Text | None = Field(None, examples=["Ada"])
    locale: Text | None = Field(None, examples=["zh-CN"])

    @property
    def changes(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in ("name", "locale") if name in self.model_fields_set}


class PasswordBody(_Body):
    current_password: _CurrentPassword
    password: Text = Field(repr=False, examples=["a sentence only you would write"])


class NewAddressBody(_Body):
    email: Text = Field(examples=["ada@example.org"])
    current_password: _CurrentPassword


class CurrentPasswordBody(_Body):
    current_password: _CurrentPassword


class TokenBody(_Body):
    token: Any = Field(
        None, repr=False, description="From the mailed link. Whatever is wrong with it, the answer is 400."
    )


def changes_router(context: WebContext, *, prefix: str = "/auth") -> APIRouter:
    """Make the router."""
    router = APIRouter(prefix=prefix, route_class=route_class_for(context), tags=["accounts"])
    _add_profile(router, context)
    _add_password(router, context)
    _add_address(router, context)
    flows = context.flows
    _add_link(router, context, "/email/confirm", flows.confirm_address, "Confirm a new address with a mailed token")
    _add_link(router, context, "/email/undo", flows.undo_address_change, "Keep the old address with a mailed token")
    _add_deletion(router, context)
    return router


def _add_profile(router: APIRouter, context: WebContext) -> None:
    SignedInNow = Annotated[Current, Depends(signed_in(context))]  # noqa: N806  # a type

    @router.patch(
        "/me",
        response_model=AccountBody,
        responses=documented("not_signed_in", *_ANY_JSON),
        summary="Change my name or language",
    )
    async def patch_me(body: ProfileBody, current: SignedInNow, request_id: RequestId) -> BaseModel:
        """Change what is sent and leave the rest; answers with the account as it is then."""
        changed = await context.flows.change_profile(current, changes=body.changes, request_id=request_id)
        return AccountBody.of(changed)


def _add_password(router: APIRouter, context: WebContext) -> None:
    SignedInNow = Annotated[Current, Depends(signed_in(context))]  # noqa: N806  # a type

    @router.post(
        "/password/change",
        status_code=204,
        response_class=Response,
        responses=documented(*_PROVED),
        summary="Change my password",
    )
    async def post_password(
        body: PasswordBody,
        current: SignedInNow,
        background: BackgroundTasks,
        request_id: RequestId,
        client: CallingClient,
    ) -> None:
        """Set a new password. Every other session ends, open links are void, and the owner is told by mail."""
        await context.flows.change_password(
            current,
            current_password=body.current_password,
            password=body.password,
            request_id=request_id,
            client=client,
        )
        background.add_task(context.ring)


def _add_address(router: APIRouter, context: WebContext) -> None:
    SignedInNow = Annotated[Current, Depends(signed_in(context))]  # noqa: N806  # a type

    @router.post(
        "/email/change",
        status_code=202,
        response_model=CheckYourInbox,
        responses=documented(*_PROVED),
        summary="Ask for another address",
    )
    async def post_address(
        body: NewAddressBody,
        current: SignedInNow,
        background: BackgroundTasks,
        request_id: RequestId,
        client: CallingClient,
    ) -> BaseModel:
        """Write to the new address, and tell the old one. The answer is the same whether the new one has an account."""
        await context.flows.request_address_change(
            current,
            email=body.email,
            current_password=body.current_password,
            request_id=request_id,
            client=client,
        )
        background.add_task(context.ring)
        return CheckYourInbox()


def _add_link(router: APIRouter, context: WebContext, path: str, redeem: RedeemAddress, summary: str) -> None:
    @router.post(
        path,
        response_model=AccountBody,
        responses=documented("bad_token", "too_many_requests", *_ANY_JSON),
        summary=summary,
    )
    async def post_link(
        body: TokenBody, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> BaseModel:
        """Redeem the token, whoever is signed in here. Every session of the account ends; nobody is signed in by it."""
        account = await redeem(token=body.token, request_id=request_id, client=client)
        background.add_task(context.ring)
        return AccountBody.of(account)


def _add_deletion(router: APIRouter, context: WebContext) -> None:
    SignedInNow = Annotated[Current, Depends(signed_in(context))]  # noqa: N806  # a type

    @router.post(
        "/me/delete",
        status_code=204,
        response_class=Response,
        responses=documented(*_PROVED),
        summary="Delete my account",
    )
    async def post_delete(
        body: CurrentPasswordBody,
        current: SignedInNow,
        response: Response,
        background: BackgroundTasks,
        request_id: RequestId,
        client: CallingClient,
    ) -> None:
        """Delete the account for everybody at once. A reset brings it back until it is erased, some days later."""
        await context.flows.delete_account(
            current, current_password=body.current_password, request_id=request_id, client=client
        )
        background.add_task(context.ring)
        clear_cookie(response, context)
