"""/accounts: what support may see of an account and an operator may do to it."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from gatepost.accounts.account import AccountRow
from gatepost.accounts.operators import AccountAction, WrittenTo
from gatepost.accounts.sessions import Session
from gatepost.audit.trail import Signature, clean_reason
from gatepost.clock import iso
from gatepost.web.access import operators_only
from gatepost.web.context import WebContext
from gatepost.web.messages import ACTOR
from gatepost.web.problems import documented
from gatepost.web.route import route_class_for
from gatepost.web.security import RequestId
from gatepost.web.text import Text


class OperatorsAccountBody(BaseModel):
    """An account as operators see it. Instants are RFC 3339 in UTC.

    `disabled_at`: since when nobody may sign in; `deleted_at`: when its owner deleted it. Null: that was not done.
    """

    id: uuid.UUID
    email: str
    name: str | None
    locale: str
    verified_at: str | None
    created_at: str
    disabled_at: str | None
    deleted_at: str | None

    @classmethod
    def of(cls, account: AccountRow) -> "OperatorsAccountBody":
        return cls(
            id=account.id,
            email=account.email,
            name=account.name,
            locale=account.locale,
            verified_at=_iso(account.verified_at),
            created_at=iso(account.created_at),
            disabled_at=_iso(account.disabled_at),
            deleted_at=_iso(account.deleted_at),
        )


class FoundAccount(BaseModel):
    """The account with this address; null: there is none."""

    account: OperatorsAccountBody | None


class OneAccount(BaseModel):
    """The account as it is now."""

    account: OperatorsAccountBody


class OperatorsSessionBody(BaseModel):
    """One session. `network` and `agent` say roughly where it was begun."""

    id: uuid.UUID
    created_at: str
    seen_at: str
    expires_at: str
    network: str | None
    agent: str | None

    @classmethod
    def of(cls, session: Session) -> "OperatorsSessionBody":
        return cls(
            id=session.id,
            created_at=iso(session.created_at),
            seen_at=iso(session.seen_at),
            expires_at=iso(session.expires_at),
            network=session.network,
            agent=session.agent,
        )


class OperatorsSessionsBody(BaseModel):
    """The sessions that have not ended, the one used last first."""

    sessions: list[OperatorsSessionBody]


class WrittenToBody(BaseModel):
    """The account as it is now, the message its owner is sent, and why that does not go out; null: it does."""

    account: OperatorsAccountBody
    message: uuid.UUID
    withheld: str | None

    @classmethod
    def of(cls, written: WrittenTo) -> "WrittenToBody":
        return cls(account=OperatorsAccountBody.of(written.account), message=written.message, withheld=written.withheld)


class WhyBody(BaseModel):
    """Why; kept beside what was done. May be left out, and so may the whole body."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reason: Text | None = Field(None, examples=["the person lost the telephone"])


class WhichBody(WhyBody):
    """Why, and which session; all of them where none is named."""

    session: uuid.UUID | None = None


class CorrectionBody(WhyBody):
    """Why, and the right address."""

    email: Annotated[Text, Field(max_length=320, examples=["ada@example.com"])]


_NO_WHY, _ALL = WhyBody(reason=None), WhichBody(reason=None)
_PROBLEMS = ("unauthorized", "foreign_origin", "not_found", "body_too_large", "unsupported_media_type", "invalid_input")
_SUMMARIES = {
    AccountAction.DISABLE: "Let nobody sign in to an account, and write nothing to its owner",
    AccountAction.ENABLE: "Let its owner sign in again",
}


def account_operators_router(context: WebContext) -> APIRouter:
    """Make the router; every route needs the admin token."""
    router = APIRouter(
        prefix="/accounts",
        route_class=route_class_for(context),
        tags=["accounts"],
        dependencies=[Depends(operators_only(context))],
    )
    _add_questions(router, context)
    for action in _SUMMARIES:
        _add_action(router, context, action)
    _add_letters(router, context)

    @router.post(
        "/{id}/sessions/end",
        status_code=202,
        responses=documented(*_PROBLEMS, "try_later"),
        summary="End one session of an account, or all of them",
    )
    async def post_sessions_end(id: uuid.UUID, request_id: RequestId, which: WhichBody = _ALL) -> OneAccount:
        """Whoever knows the password can sign in again."""
        by = Signature(actor=ACTOR, reason=clean_reason(which.reason), request_id=request_id)
        acted = await context.flows.act_on_account(AccountAction.END_SESSIONS, id, by, session_id=which.session)
        return OneAccount(account=OperatorsAccountBody.of(acted))

    return router


def _add_questions(router: APIRouter, context: WebContext) -> None:
    @router.get("", responses=documented("unauthorized", "invalid_input", "try_later"), summary="Find an account")
    async def get_account(email: Annotated[str, Query(max_length=320)]) -> FoundAccount:
        """By its address, however it is capitalised."""
        found = await context.flows.find_account(email)
        return FoundAccount(account=None if found is None else OperatorsAccountBody.of(found))

    @router.get(
        "/{id}/sessions",
        responses=documented("unauthorized", "not_found", "invalid_input", "try_later"),
        summary="List the sessions of an account",
    )
    async def get_sessions_of(id: uuid.UUID) -> OperatorsSessionsBody:
        """Those that have not ended."""
        found = await context.flows.sessions_of(id)
        return OperatorsSessionsBody(sessions=[OperatorsSessionBody.of(one) for one in found])


def _add_action(router: APIRouter, context: WebContext, action: AccountAction) -> None:
    @router.post(
        f"/{{id}}/{action}",
        name=f"{action}_account",
        status_code=202,
        responses=documented(*_PROBLEMS, "try_later"),
        summary=_SUMMARIES[action],
    )
    async def post_action(id: uuid.UUID, request_id: RequestId, why: WhyBody = _NO_WHY) -> OneAccount:
        """Done and written down in one transaction, or neither; doing it twice does no harm."""
        by = Signature(actor=ACTOR, reason=clean_reason(why.reason), request_id=request_id)
        acted = await context.flows.act_on_account(action, id, by)
        return OneAccount(account=OperatorsAccountBody.of(acted))


def _add_letters(router: APIRouter, context: WebContext) -> None:
    problems = documented(*_PROBLEMS, "action_refused", "try_later")

    @router.post(
        "/{id}/correct-address",
        status_code=202,
        responses=problems,
        summary="Correct the address of an account that nobody verified",
    )
    async def post_correct_address(id: uuid.UUID, request_id: RequestId, wanted: CorrectionBody) -> WrittenToBody:
        """The new address gets a verification message; links that were mailed to the old one are void."""
        by = Signature(actor=ACTOR, reason=clean_reason(wanted.reason), request_id=request_id)
        written = await context.flows.correct_address(id, wanted.email, by)
        await context.ring()
        return WrittenToBody.of(written)

    @router.post(
        "/{id}/start-reset",
        status_code=202,
        responses=problems,
        summary="Have its owner sent a message to reset the password",
    )
    async def post_start_reset(id: uuid.UUID, request_id: RequestId, why: WhyBody = _NO_WHY) -> WrittenToBody:
        """As if the owner had asked for it; nobody else learns the link."""
        by = Signature(actor=ACTOR, reason=clean_reason(why.reason), request_id=request_id)
        written = await context.flows.start_reset(id, by)
        await context.ring()
        return WrittenToBody.of(written)


def _iso(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else iso(instant_ms)
