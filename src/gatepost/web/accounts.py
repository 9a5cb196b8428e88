"""The JSON routes of the account flows. Each reads its body, calls one flow and rings after the answer."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Response
from pydantic import BaseModel, ConfigDict, Field

from gatepost.accounts.account import Account
from gatepost.accounts.challenge import MAX_ANSWER_CHARACTERS
from gatepost.accounts.verification import ChoosePassword
from gatepost.clock import iso
from gatepost.web.client import CallingClient
from gatepost.web.context import WebContext
from gatepost.web.idempotency_key import IdempotencyKey
from gatepost.web.languages import PreferredLocale
from gatepost.web.problems import documented
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.text import Text

Answer = Annotated[
    Text | None,
    Field(
        default=None,
        repr=False,
        max_length=MAX_ANSWER_CHARACTERS,
        description="For the product's own check of strangers (a CAPTCHA, a proof of work), where it has one.",
    ),
]


class _Body(BaseModel):
    """What was sent. Unknown members are ignored: nobody can say `verified` about themselves."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RegisterBody(_Body):
    email: Text = Field(examples=["ada@example.com"])
    password: Text = Field(repr=False, examples=["a sentence only you would write"])
    name: Text | None = Field(None, examples=["Ada"])
    locale: Text | None = Field(None, examples=["en"])
    challenge: Answer


class VerifyBody(_Body):
    token: Any = Field(
        None, repr=False, description="From the mailed link. Whatever is wrong with it, the answer is 400."
    )
    password: Text | None = Field(None, repr=False)


class EmailBody(_Body):
    email: Text = Field(examples=["ada@example.com"])
    challenge: Answer


class ResetBody(_Body):
    token: Any = Field(
        None, repr=False, description="From the mailed link. Whatever is wrong with it, the answer is 400."
    )
    password: Text = Field(repr=False)


class CheckYourInbox(BaseModel):
    """The answer that is the same for every well-formed address."""

    status: Literal["check_your_inbox"] = "check_your_inbox"


class AccountBody(BaseModel):
    """What an account shows of itself. Instants are RFC 3339 in UTC."""

    id: uuid.UUID
    email: str
    name: str | None
    locale: str
    verified_at: str | None
    created_at: str

    @classmethod
    def of(cls, account: Account) -> "AccountBody":
        return cls(
            id=account.id,
            email=account.email,
            name=account.name,
            locale=account.locale,
            verified_at=None if account.verified_at is None else iso(account.verified_at),
            created_at=iso(account.created_at),
        )


class ChoosePasswordBody(BaseModel):
    """More than one registration waits for this address: the next call brings the password to keep."""

    status: Literal["choose_password"] = "choose_password"


def accounts_router(context: WebContext, *, prefix: str = "/auth") -> APIRouter:
    """Make the router with the JSON routes of the account flows.

    Args:
        context: what the routes need.
        prefix: path in front of every route; not empty, because the pages own /register, /verify and /reset.
    """
    if not prefix:
        raise ValueError("prefix: the JSON routes need one, e.g. '/auth'; /register itself is a page")
    router = APIRouter(prefix=prefix, route_class=route_class_for(context), tags=["accounts"])
    _add_registration(router, context)
    _add_verification(router, context)
    _add_password_reset(router, context)
    return router


_ANY_JSON = (
    *("foreign_origin", "body_too_large", "unsupported_media_type", "invalid_input"),
    *("too_many_requests", "try_later"),
)


def _add_registration(router: APIRouter, context: WebContext) -> None:
    flows, reveals = context.flows, context.settings.reveal_accounts

    @router.post(
        "/register",
        status_code=201 if reveals else 202,
        response_model=AccountBody if reveals else CheckYourInbox,
        responses=documented(
            "challenge_failed", *_ANY_JSON, *(["address_taken"] if reveals else []), "idempotency_key_reused"
        ),
        summary="Register an address",
    )
    async def post_register(
        body: RegisterBody,
        key: IdempotencyKey,
        preferred: PreferredLocale,
        background: BackgroundTasks,
        request_id: RequestId,
        client: CallingClient,
    ) -> BaseModel | Response:
        """Store the registration and promise its mail; the answer does not wait for any mail server."""
        account = await flows.register(
            email=body.email,
            password=body.password,
            name=body.name,
            locale=body.locale,
            request_id=request_id,
            preferred_locale=preferred,
            idempotency_key=key,
            client=client,
            challenge=body.challenge,
        )
        background.add_task(context.ring)
        answer = CheckYourInbox() if account is None else AccountBody.of(account)
        if reveals == (account is not None):
            return answer
        # The first answer to this key, from before REVEAL_ACCOUNTS was changed.
        return Response(answer.model_dump_json(), 202 if account is None else 201, media_type="application/json")


def _add_verification(router: APIRouter, context: WebContext) -> None:
    flows = context.flows

    @router.post(
        "/verify",
        response_model=AccountBody | ChoosePasswordBody,
        responses=documented("bad_token", *_ANY_JSON),
        summary="Verify an address with a mailed token",
    )
    async def post_verify(
        body: VerifyBody, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> BaseModel:
        """Prove the address. `choose_password` asks to come again with the password that shall count."""
        result = await flows.verify(token=body.token, password=body.password, request_id=request_id, client=client)
        background.add_task(context.ring)
        return ChoosePasswordBody() if isinstance(result, ChoosePassword) else AccountBody.of(result)

    @router.post(
        "/verify/request",
        status_code=202,
        response_model=CheckYourInbox,
        responses=documented("challenge_failed", *_ANY_JSON),
        summary="Ask for another verification message",
    )
    async def post_verify_request(
        body: EmailBody, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> BaseModel:
        """The answer is the same whether the address is known, verified or neither."""
        await flows.request_verification(
            email=body.email, request_id=request_id, client=client, challenge=body.challenge
        )
        background.add_task(context.ring)
        return CheckYourInbox()


def _add_password_reset(router: APIRouter, context: WebContext) -> None:
    flows = context.flows

    @router.post(
        "/password/reset/request",
        status_code=202,
        response_model=CheckYourInbox,
        responses=documented("challenge_failed", *_ANY_JSON),
        summary="Ask for a password reset",
    )
    async def post_reset_request(
        body: EmailBody, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> BaseModel:
        """The answer is the same whether the address is known or not."""
        await flows.request_reset(email=body.email, request_id=request_id, client=client, challenge=body.challenge)
        background.add_task(context.ring)
        return CheckYourInbox()

    @router.post(
        "/password/reset",
        status_code=204,
        response_class=Response,
        responses=documented("bad_token", *_ANY_JSON),
        summary="Set a new password with a mailed token",
    )
    async def post_reset(
        body: ResetBody, background: BackgroundTasks, request_id: RequestId, client: CallingClient
    ) -> None:
        """Set the password and void every outstanding token; it does not sign in."""
        await flows.reset_password(token=body.token, password=body.password, request_id=request_id, client=client)
        background.add_task(context.ring)
