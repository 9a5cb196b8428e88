"""One message of the development mailbox: as a reader sees it, as text, as it came, and what became of it."""

import asyncio
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gatepost.errors import N_, NotStarted, TryLater
from gatepost.outbox.lately import story_of
from gatepost.transport.mailbox import Mailbox, Parsed
from gatepost.web.context import WebContext
from gatepost.web.page_kit import PageKit
from gatepost.web.problems import refused
from gatepost.web.workshop.became import Shown, shown
from gatepost.web.workshop.mail_html import MAIL_CSP, Scheme, framed, links_of

# Gmail shows no more of a message than this, and a link "View entire message" in place of the rest.
GMAIL_CLIP_BYTES = 102 * 1024
_SHOW = ["GET", "HEAD"]
View = Annotated[Literal["html", "text", "headers", "source"], Query()]
Width = Annotated[Literal["320", "375", "full"], Query()]


def add_mail_pages(router: APIRouter, context: WebContext, mailbox: Mailbox, kit: PageKit) -> None:
    """Add /messages/{name} and what its frame shows to the router of the mailbox."""

    async def read(name: str) -> Parsed:
        message = await asyncio.to_thread(mailbox.read, name)
        if message is None:
            raise refused("not_found", detail=N_("There is no message of this name in the mailbox."))
        return message

    @router.api_route("/messages/{name}", methods=_SHOW)
    async def show_message(
        request: Request, name: str, view: View = "html", width: Width = "full", scheme: Scheme = "light"
    ) -> Response:
        message = await read(name)
        fields = dict(reversed([(key.lower(), value) for key, value in message.headers]))
        return kit.show(
            request,
            "mail",
            mail=name,
            message=message,
            view="text" if view == "html" and message.html is None else view,
            width=width,
            scheme=scheme,
            mail_headers=fields,
            links=links_of(message.html, message.text),
            clipped=message.size > GMAIL_CLIP_BYTES,
            story=await _story(context, fields.get("message-id", "")),
        )

    @router.api_route("/messages/{name}/html", methods=_SHOW)
    async def show_html(name: str, scheme: Scheme = "light") -> Response:
        message = await read(name)
        if message.html is None:
            raise refused("not_found", detail=N_("This message has no HTML part."))
        headers = {"Content-Security-Policy": MAIL_CSP, "Cross-Origin-Opener-Policy": "unsafe-none"}
        return HTMLResponse(framed(message.html, scheme), headers=headers)


async def _story(context: WebContext, message_id: str) -> Shown | None:
    """What the outbox knows of it: nothing of a message of a database that was deleted since."""
    try:
        found = await context.database.read(partial(story_of, message_id=message_id))
    except (NotStarted, TryLater):
        return None
    return None if found is None else shown(found.message, found.attempts, context.clock.now_ms())
