"""The page after a form that promised mail: what was done, what to look for, and what to do when nothing comes.

It is made of what was typed, of the settings and of what holds for everybody. It knows nothing of the one address: who
has an account, who has none and who has asked too often get the same page.
"""

import functools
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gatepost.accounts.caps import MIN_APART_S
from gatepost.accounts.tokens import LIFE_S, Purpose
from gatepost.clock import iso
from gatepost.errors import InvalidInput
from gatepost.mail.headers import parse_sender
from gatepost.mail.names import clean_line
from gatepost.mail.template import COMMON, LINK
from gatepost.web.context import WebContext
from gatepost.web.languages import language_of
from gatepost.web.page_kit import PageKit
from gatepost.web.route import route_class_for
from gatepost.web.webmail import webmail_of

DELAY_PATH = "/gatepost/mail-delay"
# A place in a subject for something that only the mail knows. No template holds such a character.
_UNKNOWN = "\ue000"


@dataclass(frozen=True)
class Letter:
    """What a person looks for.

    Args:
        templates: the messages it may be: whoever has an account already gets another one, and must find it as well.
        purpose: of its link.
        again: where a form asks for it once more, with nothing but the address; None where that takes more.
    """

    templates: tuple[str, ...]
    purpose: Purpose
    again: str | None = None


LETTERS = {
    "registered": Letter(("verification", "account_exists"), Purpose.VERIFICATION, "/verify/request"),
    "verification": Letter(("verification",), Purpose.VERIFICATION, "/verify/request"),
    "reset": Letter(("password_reset",), Purpose.PASSWORD_RESET, "/reset/request"),
    "address": Letter(("address_change",), Purpose.ADDRESS_CHANGE),
}


class Inbox:
    """Shows the page "Check your inbox".

    Args:
        context: whose templates, sender and clock.
        kit: shows pages.
    """

    def __init__(self, context: WebContext, kit: PageKit) -> None:
        self._context = context
        self._kit = kit
        self._sender = parse_sender(context.settings.sender)
        self._subject = functools.lru_cache(maxsize=128)(self._read_subject)

    async def show(
        self,
        request: Request,
        reason: str,
        *,
        typed: dict[str, str],
        language: str | None = None,
        error: Exception | None = None,
    ) -> Response:
        """Show it.

        Args:
            request: whose browser it is.
            reason: one of LETTERS.
            typed: what stood in the fields: `email`, for a registration `name`, and `again` where it was asked again.
            language: of the mail, where that is known to whoever asks; else it is the language of the page.
            error: why asking again did not work, one of SHOWN.
        """
        letter = LETTERS[reason]
        now = iso(self._context.clock.now_ms())[11:16] if typed.get("again") and error is None else None
        return self._kit.show(
            request,
            "check_your_inbox",
            error=error,
            typed=typed,
            reason=reason,
            sender=self._sender,
            subjects=self._subjects(letter, language or language_of(request)),
            link_life_s=LIFE_S[letter.purpose],
            again=letter.again,
            asked_again_at=now,
            wait_s=MIN_APART_S,
            webmail=webmail_of(typed.get("email", "")),
            **await mail_delay(self._context),
        )

    async def show_refusal(
        self, request: Request, page: str, reason: str, *, typed: dict[str, str], error: Exception
    ) -> Response:
        """Show why nothing was sent: here where it was asked again from here, else on `page`, which has the form.

        A wrong address is no matter of this page: it is typed on the other.
        """
        if typed.get("again") and not isinstance(error, InvalidInput):
            return await self.show(request, reason, typed=typed, error=error)
        return self._kit.show(request, page, error=error, typed=typed)

    def _subjects(self, letter: Letter, language: str) -> list[str]:
        # Where accounts are revealed, nobody is written to because of an address that is taken.
        templates = letter.templates[:1] if self._context.settings.reveal_accounts else letter.templates
        return [subject for one in templates if (subject := self._subject(one, language))]

    def _read_subject(self, template: str, language: str) -> str | None:
        """Read what stands in the subject; None where it holds something that only the mail knows."""
        settings = self._context.settings
        known = {"product_name": clean_line(settings.product_name), "public_url": settings.public_url}
        values = {**dict.fromkeys(COMMON | {LINK}, _UNKNOWN), **known}
        subject = self._context.templates.render(template, language, values).subject
        return None if _UNKNOWN in subject else subject


async def mail_delay(context: WebContext) -> dict[str, Any]:
    """What the banner shows; the same for everybody who asks at this moment."""
    return {"delayed": await context.mail_delayed(), "delay_path": DELAY_PATH}


def delay_router(context: WebContext, kit: PageKit) -> APIRouter:
    """Make the router of the piece of a page that says whether mail is delayed; open pages fetch it again and again."""
    route_class = route_class_for(context, answer_problem=kit.show_problem, routine=True)
    router = APIRouter(route_class=route_class, include_in_schema=False)

    @router.api_route(DELAY_PATH, methods=["GET", "HEAD"])
    async def show_mail_delay(request: Request) -> Response:
        return kit.fragment(request, "mail_delay", **await mail_delay(context))

    return router
