"""/admin/accounts/{id}: one account, and what may be done to it. Nobody chooses a password here."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts import address_correction, reset_by_operator
from gatepost.accounts.operators import AccountAction, WrittenTo
from gatepost.admin.access import only, signature
from gatepost.admin.asked import address_of, id_of
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.audit.trail import Signature
from gatepost.errors import ActionRefused, InvalidInput, NoSuchSession
from gatepost.explain.account import Known, see
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator

Fields = Mapping[str, str]
# Does what a form asks for, and says which word the page tells it with.
Act = Callable[[uuid.UUID, Fields, Signature], Awaitable[str]]


def add_account(router: APIRouter, house: House) -> None:
    """Add the page and its actions."""

    @router.api_route("/accounts/{id}", methods=["GET", "HEAD"])
    async def show_account(
        request: Request,
        id: uuid.UUID,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        done: str = "",
    ) -> Response:
        return await _show(house, request, id, current, told=done)

    _add_act(router, house, "correct-address", Role.SUPPORT, partial(_correct_address, house))
    _add_act(router, house, "start-reset", Role.SUPPORT, partial(_start_reset, house))
    _add_act(router, house, "end-sessions", Role.OPERATOR, partial(_end_sessions, house))
    _add_act(router, house, "disable", Role.OPERATOR, partial(_switch, house, AccountAction.DISABLE, "disabled"))
    _add_act(router, house, "enable", Role.OPERATOR, partial(_switch, house, AccountAction.ENABLE, "enabled"))


def _add_act(router: APIRouter, house: House, name: str, least: Role, act: Act) -> None:
    @router.post(f"/accounts/{{id}}/{name}", name=f"post_{name.replace('-', '_')}")
    async def post_act(
        request: Request, id: uuid.UUID, current: Annotated[CurrentOperator, Depends(only(house, least))]
    ) -> Response:
        fields = await house.kit.read(request)
        try:
            told = await act(id, fields, signature(request, current, fields))
        except (InvalidInput, ActionRefused, NoSuchSession) as error:
            return await _show(house, request, id, current, error=error, typed=fields, tried=name)
        return house.kit.lead(address_of(f"{PAGE}/accounts/{id}", done=told))


async def _show(
    house: House,
    request: Request,
    id: uuid.UUID,
    current: CurrentOperator,
    *,
    told: str = "",
    error: Exception | None = None,
    typed: Fields | None = None,
    tried: str = "",
) -> Response:
    now_ms = house.web.clock.now_ms()
    seen = await house.web.database.read(partial(see, account_id=id, known=Known.of(house.gate), now_ms=now_ms))
    return house.kit.show(
        request,
        "account",
        current=current,
        error=error,
        typed=typed,
        seen=seen,
        told=told,
        tried=tried,
        why_no_correction=address_correction.why_not(seen.account),
        why_no_reset=reset_by_operator.why_not(seen.account),
        may_operate=current.operator.role.may(Role.OPERATOR),
    )


async def _correct_address(house: House, id: uuid.UUID, fields: Fields, by: Signature) -> str:
    written = await house.web.flows.correct_address(id, fields.get("email", ""), by)
    return await _told(house, written, "corrected")


async def _start_reset(house: House, id: uuid.UUID, fields: Fields, by: Signature) -> str:
    return await _told(house, await house.web.flows.start_reset(id, by), "reset_started")


async def _told(house: House, written: WrittenTo, word: str) -> str:
    await house.web.ring()
    return word if written.withheld is None else f"{word}_withheld"


async def _end_sessions(house: House, id: uuid.UUID, fields: Fields, by: Signature) -> str:
    session_id = id_of(fields["session"]) if "session" in fields else None
    if "session" in fields and session_id is None:
        raise NoSuchSession("the form names no session")  # never all of them instead
    await house.web.flows.act_on_account(AccountAction.END_SESSIONS, id, by, session_id=session_id)
    return "session_ended" if session_id else "sessions_ended"


async def _switch(house: House, action: AccountAction, word: str, id: uuid.UUID, fields: Fields, by: Signature) -> str:
    await house.web.flows.act_on_account(action, id, by)
    return word
