"""The development mailbox as pages: /dev/mailbox. It shows mail with working links, so nobody else may see it."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from gatepost.errors import N_
from gatepost.transport.mailbox import Mailbox, Parsed
from gatepost.web.context import Stopping, WebContext
from gatepost.web.problems import refused
from gatepost.web.rendering import Pages
from gatepost.web.route import route_class_for
from gatepost.web.security import host_name, is_loopback_name, peer
from gatepost.web.static_files import static_router

MAX_LISTED = 200
POLL_S = 0.3
KEEP_ALIVE_S = 15.0
_SHOW = ["GET", "HEAD"]
_FORWARDED = ("forwarded", "x-real-ip", "via")
# The mail's own styles and pictures in data: addresses; no script, no form, nothing from anywhere else.
_MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
)
View = Annotated[Literal["html", "text", "source"], Query()]
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


def only_this_machine(request: Request) -> None:
    """Answer only a browser on this machine that asked for this machine; everybody else finds nothing here.

    A loopback peer alone proves nothing: a proxy on this machine is one too, and so is a page that rebinds its name.

    Raises:
        Refused: `not_found`.
    """
    hosts = request.headers.getlist("host")
    name = host_name(hosts[0]) if len(hosts) == 1 else None
    address = peer(request.scope)
    forwarded = any(field in _FORWARDED or field.startswith("x-forwarded-") for field in request.headers)
    if address is None or not address.is_loopback or name is None or not is_loopback_name(name) or forwarded:
        raise refused("not_found")


def mailbox_router(context: WebContext) -> APIRouter:
    """Make the router of /dev/mailbox; in development only, and only where mail goes to the mailbox."""
    if not context.in_development or context.mailbox is None:
        raise ValueError("mailbox: there is one in development only, while SMTP_URL is unset")
    router = APIRouter(
        prefix="/dev/mailbox",
        route_class=route_class_for(context),
        include_in_schema=False,
        dependencies=[Depends(only_this_machine)],
    )
    _add_list(router, context, context.mailbox, Pages(context))
    _add_message(router, context.mailbox, Pages(context))
    both = APIRouter()
    both.include_router(router)
    both.include_router(static_router(context))
    return both


def _add_list(router: APIRouter, context: WebContext, mailbox: Mailbox, pages: Pages) -> None:
    @router.api_route("", methods=_SHOW)
    async def show_list(request: Request) -> Response:
        entries = await asyncio.to_thread(mailbox.list, MAX_LISTED)
        return pages.render(request, "mailbox.html", entries=entries, newest=entries[0].name if entries else "")

    @router.get("/changes")
    async def stream_changes(seen: str = "") -> Response:
        """Say `changed` as soon as the newest message is another one than the page has `seen`."""
        stream = changes(mailbox, context.stopping, seen)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def changes(mailbox: Mailbox, stopping: Stopping, seen: str, poll_s: float = POLL_S) -> AsyncIterator[bytes]:
    """Yield server-sent events until `stopping` is set; looks into the mailbox every `poll_s` seconds."""
    yield b"retry: 1000\n\n"
    silent_s = 0.0
    while not stopping.is_set():
        newest = await asyncio.to_thread(mailbox.newest_name) or ""
        if newest != seen:
            seen, silent_s = newest, 0.0
            yield f"event: changed\ndata: {newest}\n\n".encode()
        elif silent_s >= KEEP_ALIVE_S:  # without a write nobody notices that the browser has gone
            silent_s = 0.0
            yield b": still here\n\n"
        silent_s += poll_s
        try:
            await asyncio.wait_for(stopping.wait(), poll_s)
        except TimeoutError:
            continue


def _add_message(router: APIRouter, mailbox: Mailbox, pages: Pages) -> None:
    async def read(name: str) -> Parsed:
        message = await asyncio.to_thread(mailbox.read, name)
        if message is None:
            raise refused("not_found", detail=N_("There is no message of this name in the mailbox."))
        return message

    @router.api_route("/messages/{name}", methods=_SHOW)
    async def show_message(request: Request, name: str, view: View = "html") -> Response:
        message = await read(name)
        shown = "text" if view == "html" and message.html is None else view
        headers = dict(reversed([(key.lower(), value) for key, value in message.headers]))
        return pages.render(request, "mail.html", name=name, message=message, view=shown, mail_headers=headers)

    @router.api_route("/messages/{name}/html", methods=_SHOW)
    async def show_html(name: str) -> Response:
        message = await read(name)
        if message.html is None:
            raise refused("not_found", detail=N_("This message has no HTML part."))
        headers = {"Content-Security-Policy": _MAIL_CSP, "Cross-Origin-Opener-Policy": "unsafe-none"}
        return HTMLResponse(_opening_links_on_top(message.html), headers=headers)


def _opening_links_on_top(html: str) -> str:
    """Let links replace the mailbox page, as in a mail program, and not only the frame that shows the mail."""
    base = '<base target="_top">'
    if _HEAD.search(html):
        return _HEAD.sub(lambda head: head[0] + base, html, count=1)
    return base + html
