"""/admin/messages/{id}: what became of one message, and what may be done about it."""

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.admin.mail_again import MAIL_CSP, Kept, made_again
from gatepost.admin.message_seen import Seen, read_seen
from gatepost.admin.offers import offers, refusal
from gatepost.errors import ComposeError, TemplateError
from gatepost.explain.sentence import sentence
from gatepost.explain.timeline import timeline
from gatepost.mail.preview import Parts
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.outbox.actions import FORGOTTEN_TEXT, Action
from gatepost.outbox.retention import ANONYMISED
from gatepost.outbox.reveal import REVEALED_FOR_S, is_revealed
from gatepost.web.problems import NO_SUCH_MESSAGE, refused
from gatepost.web.workshop.mail_html import Scheme, framed

# The fields of a mail that everybody here may read.
_SHOWN_FIELDS = ("From", "To", "Subject", "Message-ID")
_NOT_REVEALED = "Say first, on the page of the message, why you look at the mail."
_CANNOT_BE_MADE = "The mail cannot be made again: its template is not there any more, or has changed since."
_FOR_NOBODY = "There is no mail: nobody has an account with this address."


def add_message(router: APIRouter, house: House) -> None:
    """Add the page, and what its frame shows."""

    @router.api_route("/messages/{id}", methods=["GET", "HEAD"])
    async def show_message(
        request: Request,
        id: uuid.UUID,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        scheme: Scheme = "light",
    ) -> Response:
        return await message_page(request, house, current, id, scheme=scheme)

    @router.api_route("/messages/{id}/mail", methods=["GET", "HEAD"])
    async def show_mail(
        id: uuid.UUID,
        current: Annotated[CurrentOperator, Depends(only(house, Role.OPERATOR))],
        scheme: Scheme = "light",
    ) -> Response:
        seen = await _look(house, id)
        if not is_revealed(seen.story.deeds, current.operator.actor, house.web.clock.now_ms()):
            raise refused("action_refused", detail=_NOT_REVEALED)
        mail, why_not = _mail(house, seen.kept)
        if mail is None:
            raise refused("not_found", detail=why_not)
        headers = {"Content-Security-Policy": MAIL_CSP, "Cross-Origin-Opener-Policy": "unsafe-none"}
        return HTMLResponse(framed(mail.html, scheme), headers=headers)


async def message_page(
    request: Request,
    house: House,
    current: CurrentOperator,
    message_id: uuid.UUID,
    *,
    error: Exception | None = None,
    typed: Mapping[str, str] | None = None,
    tried: str = "",
    scheme: Scheme = "light",
) -> Response:
    """Show the page.

    Args:
        request: whose browser it is.
        house: what every page here needs.
        current: who looks.
        message_id: which message.
        error: what went wrong with what was `tried`.
        typed: what stood in its fields.
        tried: the action whose form was sent.
        scheme: in which colours the mail is shown.

    Raises:
        Refused: `not_found`.
    """
    seen, now_ms = await _look(house, message_id), house.web.clock.now_ms()
    mail, why_no_mail = _mail(house, seen.kept)
    message, role = seen.story.message, current.operator.role
    revealed = role.may(Role.OPERATOR) and is_revealed(seen.story.deeds, current.operator.actor, now_ms)
    return house.kit.show(
        request,
        "message",
        current=current,
        error=error,
        typed=typed,
        tried=tried,
        message=message,
        told=sentence(seen.story, now_ms),
        entries=timeline(seen.story, now_ms),
        resent_as=seen.story.resent_as,
        queue_hold=seen.story.queue_hold,
        offers=offers(message, seen.account, role, now_ms),
        why_no_resend=refusal(Action.RESEND, message, now_ms),
        account=seen.account,
        suppressions=seen.suppressions,
        fields=_fields(mail),
        mail=mail if revealed else None,
        may_reveal=role.may(Role.OPERATOR),
        why_no_mail=why_no_mail,
        revealed_for_min=REVEALED_FOR_S // 60,
        scheme=scheme,
    )


async def _look(house: House, message_id: uuid.UUID) -> Seen:
    now_ms = house.web.clock.now_ms()
    seen = await house.web.database.read(
        partial(read_seen, message_id=message_id, hiding=house.gate.hiding, now_ms=now_ms)
    )
    if seen is None:
        raise refused("not_found", detail=NO_SUCH_MESSAGE)
    return seen


def _mail(house: House, kept: Kept) -> tuple[Parts | None, str]:
    """The mail, or why there is none."""
    if kept.recipient is None:
        return None, _FOR_NOBODY
    if kept.recipient == ANONYMISED:
        return None, FORGOTTEN_TEXT
    try:
        return made_again(house, kept), ""
    except (TemplateError, ComposeError):
        return None, _CANNOT_BE_MADE


def _fields(mail: Parts | None) -> Sequence[tuple[str, Any]]:
    return [] if mail is None else [(name, value) for name, value in mail.headers if name in _SHOWN_FIELDS]
