"""What an operator does from the page of a message: each thing asks for a reason, and stands in the audit log."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.operators import WrittenTo
from gatepost.admin.access import only, signature
from gatepost.admin.asked import address_of, id_of
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.admin.offers import CORRECT_ADDRESS, LEAST, START_RESET
from gatepost.admin.pages.message import message_page
from gatepost.audit.trail import Signature
from gatepost.errors import ActionRefused, InvalidInput, MessageInFlight, NoSuchMessage, NoSuchSuppression
from gatepost.events import OperatorActed
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.outbox.actions import Action
from gatepost.outbox.reveal import REVEAL, reveal
from gatepost.outbox.search import find_row

Fields = Mapping[str, str]
# Does to a message what its form asks for, and says where that leads.
Act = Callable[[House, uuid.UUID, Fields, Signature], Awaitable[str]]

LIFT = "lift"
_DONE: Mapping[Action, str] = {
    Action.RESEND: "resent",
    Action.HOLD: "held",
    Action.RELEASE: "released",
    Action.CANCEL: "cancelled",
}
_NO_ACCOUNT = "This message belongs to no account."


def add_message_actions(router: APIRouter, house: House) -> None:
    """Add what the forms on the page lead to."""
    for action in Action:
        _add_act(router, house, str(action), LEAST[action], partial(_operate, action))
    _add_act(router, house, LIFT, Role.SUPPORT, _lift)
    _add_act(router, house, CORRECT_ADDRESS, Role.SUPPORT, _correct_address)
    _add_act(router, house, START_RESET, Role.SUPPORT, _start_reset)
    _add_act(router, house, REVEAL, Role.OPERATOR, _reveal)


def _add_act(router: APIRouter, house: House, name: str, least: Role, act: Act) -> None:
    @router.post(f"/messages/{{id}}/{name}", name=f"{name.replace('-', '_')}_from_page")
    async def post_act(
        request: Request, id: uuid.UUID, current: Annotated[CurrentOperator, Depends(only(house, least))]
    ) -> Response:
        fields = await house.kit.read(request)
        try:
            leads_to = await act(house, id, fields, signature(request, current, fields))
        except (InvalidInput, ActionRefused, MessageInFlight, NoSuchSuppression) as error:
            return await message_page(request, house, current, id, error=error, typed=fields, tried=name)
        return house.kit.lead(leads_to)


async def _operate(action: Action, house: House, message_id: uuid.UUID, fields: Fields, by: Signature) -> str:
    acted = await house.web.operate(action, message_id, by)
    return _page_of(acted.shown, done=_DONE[action])


async def _lift(house: House, message_id: uuid.UUID, fields: Fields, by: Signature) -> str:
    suppression = id_of(fields.get("suppression", ""))
    if suppression is None:
        raise NoSuchSuppression("the form names no suppression")
    await house.web.suppressions.lift(suppression, by)
    return _page_of(message_id, done="lifted")


async def _correct_address(house: House, message_id: uuid.UUID, fields: Fields, by: Signature) -> str:
    account = await _account_of(house, message_id)
    return await _written(
        house, await house.web.flows.correct_address(account, fields.get("email", ""), by), "corrected"
    )


async def _start_reset(house: House, message_id: uuid.UUID, fields: Fields, by: Signature) -> str:
    account = await _account_of(house, message_id)
    return await _written(house, await house.web.flows.start_reset(account, by), "reset_started")


async def _written(house: House, written: WrittenTo, word: str) -> str:
    """Lead to the new message: where it does not go out, its page says why."""
    await house.web.ring()
    return _page_of(written.message, done=word if written.withheld is None else f"{word}_withheld")


async def _account_of(house: House, message_id: uuid.UUID) -> uuid.UUID:
    row = await house.web.database.read(partial(find_row, message_id=message_id))
    if row is None:
        raise NoSuchMessage(f"there is no message with the id {message_id}")
    if row.account_id is None:
        raise ActionRefused(_NO_ACCOUNT)
    return row.account_id


async def _reveal(house: House, message_id: uuid.UUID, fields: Fields, by: Signature) -> str:
    now_ms = house.web.clock.now_ms()

    def work(tx: Connection) -> str:
        return reveal(tx, message_id, by, now_ms)

    state = await house.write(work)
    house.web.events.emit(
        OperatorActed(
            actor=by.actor,
            action=REVEAL,
            message=str(message_id),
            result=None,
            state_before=state,
            state_after=state,
            request_id=by.request_id,
        )
    )
    return f"{_page_of(message_id, done='revealed')}#mail"


def _page_of(message_id: uuid.UUID, **asked: str) -> str:
    return address_of(f"{PAGE}/messages/{message_id}", **asked)
