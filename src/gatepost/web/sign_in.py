"""The JSON routes of signing in: login, logout, who I am, my sessions."""

import uuid
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gatepost.accounts.sessions import Current, Session
from gatepost.clock import iso
from gatepost.web.accounts import AccountBody, Answer
from gatepost.web.client import CallingClient
from gatepost.web.context import WebContext
from gatepost.web.problems import documented
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.signed_in import brought, clear_cookie, presented, set_cookie, signed_in
from gatepost.web.text import Text


class LoginBody(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    email: Text = Field(examples=["ada@example.com"])
    password: Text = Field(repr=False, examples=["a sentence only you would write"])
    challenge: Answer


class SignedInBody(BaseModel):
    """A new session. The token is said once; whoever has it is signed in until `expires_at` at the latest."""

    account: AccountBody
    token: str = Field(repr=False)
    expires_at: str


class SessionBody(BaseModel):
    """One session. `network` and `agent` say roughly where it was begun; `current` is the one that asks."""

    id: uuid.UUID
    created_at: str
    seen_at: str
    expires_at: str
    network: str | None
    agent: str | None
    current: bool

    @classmethod
    def of(cls, session: Session, current: Current) -> "SessionBody":
        return cls(
            id=session.id,
            created_at=iso(session.created_at),
            seen_at=iso(session.seen_at),
            expires_at=iso(session.expires_at),
            network=session.network,
            agent=session.agent,
            current=session.id == current.session_id,
        )


class SessionsBody(BaseModel):
    """The sessions that have not ended, the one used last first."""

    sessions: list[SessionBody]


def sign_in_router(context: WebContext, *, prefix: str = "/auth") -> APIRouter:
    """Make the router."""
    router = APIRouter(prefix=prefix, route_class=route_class_for(context), tags=["accounts"])
    _add_login(router, context)
    _add_logout(router, context)
    _add_sessions(router, context)
    return router


def _add_login(router: APIRouter, context: WebContext) -> None:
    @router.post(
        "/login",
        response_model=SignedInBody,
        responses=documented(
            "sign_in_failed",
            "challenge_failed",
            "foreign_origin",
            "body_too_large",
            "unsupported_media_type",
            "invalid_input",
            "too_many_requests",
            "try_later",
        ),
        summary="Sign in",
    )
    async def post_login(
        body: LoginBody,
        request: Request,
        response: Response,
        background: BackgroundTasks,
        request_id: RequestId,
        client: CallingClient,
    ) -> BaseModel:
        """Begin a session: the token for programs, the cookie for browsers. One answer for every cause of failure."""
        entered = await context.flows.sign_in(
            email=body.email,
            password=body.password,
            request_id=request_id,
            client=client,
            challenge=body.challenge,
            replaces=brought(request, context),
        )
        set_cookie(response, entered.token, context)
        return SignedInBody(
            account=AccountBody.of(entered.account), token=entered.token, expires_at=iso(entered.session.expires_at)
        )


def _add_logout(router: APIRouter, context: WebContext) -> None:
    @router.post(
        "/logout",
        status_code=204,
        response_class=Response,
        responses=documented("foreign_origin", "try_later"),
        summary="Sign out",
    )
    async def post_logout(request: Request, response: Response, request_id: RequestId) -> None:
        """End the session the request brings, if there is one; the answer is the same where there is none."""
        token = presented(request, context)
        if token is not None:
            await context.flows.sign_out(token, request_id=request_id)
        # No Clear-Site-Data: it would also wipe what the host application keeps for this site, and for its subdomains.
        clear_cookie(response, context)


def _add_sessions(router: APIRouter, context: WebContext) -> None:
    SignedInNow = Annotated[Current, Depends(signed_in(context))]  # noqa: N806  # a type

    @router.get(
        "/me",
        response_model=AccountBody,
        responses=documented("not_signed_in", "try_later"),
        summary="Who is signed in",
    )
    async def get_me(current: SignedInNow) -> BaseModel:
        """Show the account of the session the request brings."""
        return AccountBody.of(current.account)

    @router.get(
        "/sessions",
        response_model=SessionsBody,
        responses=documented("not_signed_in", "try_later"),
        summary="List my sessions",
    )
    async def get_sessions(current: SignedInNow) -> BaseModel:
        """List the sessions of the account, the one used last first."""
        found = await context.flows.list_sessions(current)
        return SessionsBody(sessions=[SessionBody.of(session, current) for session in found])

    @router.delete(
        "/sessions/{id}",
        status_code=204,
        response_class=Response,
        responses=documented("not_signed_in", "foreign_origin", "not_found", "invalid_input", "try_later"),
        summary="End one of my sessions",
    )
    async def delete_session(id: uuid.UUID, current: SignedInNow, response: Response, request_id: RequestId) -> None:
        """End it at once. One of another account is not found."""
        await context.flows.end_session(current, id, request_id=request_id)
        if id == current.session_id:
            clear_cookie(response, context)
