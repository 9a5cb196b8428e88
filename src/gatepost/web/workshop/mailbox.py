"""The development mailbox: /dev/mailbox. What arrived, what did not and why, and how the mail server behaves.

It shows mail with working links, so nobody else may see it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from gatepost.errors import NotStarted, TryLater
from gatepost.outbox.lately import Underway, not_arrived, not_arrived_and_why
from gatepost.transport.mailbox import Entry, Mailbox
from gatepost.transport.switch import Behaviour
from gatepost.web.context import Stopping, WebContext
from gatepost.web.languages import asked_language
from gatepost.web.page_kit import SHOWN, PageKit
from gatepost.web.problems import refused
from gatepost.web.rendering import query_text
from gatepost.web.route import route_class_for
from gatepost.web.security import host_name, is_loopback_name, peer
from gatepost.web.static_files import static_router
from gatepost.web.workshop.became import shown_in_list
from gatepost.web.workshop.choices import CHOICES
from gatepost.web.workshop.mail_pages import add_mail_pages

PAGE = "/dev/mailbox"
MAX_SEARCHED = 2000
MAX_LISTED = 200
MAX_NOT_ARRIVED = 20
MAX_QUERY_CHARACTERS = 320
POLL_S = 0.3
KEEP_ALIVE_S = 15.0
_SHOW = ["GET", "HEAD"]
_FORWARDED = ("forwarded", "x-real-ip", "via")

# Says what the page shows at this moment, in a short text that changes with it.
Look = Callable[[], Awaitable[str]]
Wanted = Annotated[str, Query(alias="q", max_length=MAX_QUERY_CHARACTERS)]


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
    kit = PageKit(context)
    router = APIRouter(
        prefix=PAGE,
        route_class=route_class_for(context, answer_problem=kit.show_problem, takes_forms=True),
        include_in_schema=False,
        dependencies=[Depends(only_this_machine)],
    )
    _add_list(router, context, context.mailbox, kit)
    _add_changes(router, context, context.mailbox)
    _add_forms(router, context, context.mailbox, kit)
    add_mail_pages(router, context, context.mailbox, kit)
    both = APIRouter()
    both.include_router(router)
    both.include_router(static_router(context))
    return both


def _add_list(router: APIRouter, context: WebContext, mailbox: Mailbox, kit: PageKit) -> None:
    @router.api_route("", methods=_SHOW)
    async def show_list(request: Request, wanted: Wanted = "") -> Response:
        return await _list_page(request, context, mailbox, kit, wanted)


async def _list_page(
    request: Request, context: WebContext, mailbox: Mailbox, kit: PageKit, wanted: str, error: Exception | None = None
) -> Response:
    # Before anything is read: what comes meanwhile is told by the stream.
    stamp = await _stamp(context, mailbox)
    every = await asyncio.to_thread(mailbox.list, MAX_SEARCHED)
    found = [entry for entry in every if _fits(entry, wanted)]
    underway = await _not_arrived(context)
    now_ms = context.clock.now_ms()
    return kit.show(
        request,
        "mailbox",
        error=error,
        entries=found[:MAX_LISTED],
        more=len(found) > MAX_LISTED,
        newest=every[0] if every else None,
        copies={entry.message_id: entry.name for entry in reversed(every)},
        underway=None if underway is None else [shown_in_list(one, now_ms) for one in underway],
        behaviour=mailbox.switch.behaviour if mailbox.switch else Behaviour.ACCEPT,
        choices=CHOICES if mailbox.switch else (),
        stamp=stamp,
        q=wanted,
    )


def _fits(entry: Entry, wanted: str) -> bool:
    text = f"{entry.subject}\n{entry.recipient}".casefold()
    return all(word in text for word in wanted.casefold().split())


async def _not_arrived(context: WebContext) -> Sequence[Underway] | None:
    """None: the database cannot be read at this moment, and the mails are there all the same."""
    try:
        return await context.database.read(partial(not_arrived_and_why, limit=MAX_NOT_ARRIVED))
    except (NotStarted, TryLater):
        return None


async def _stamp(context: WebContext, mailbox: Mailbox) -> str:
    mails = await asyncio.to_thread(mailbox.stamp)
    try:
        found = await context.database.read(partial(not_arrived, limit=MAX_NOT_ARRIVED))
    except (NotStarted, TryLater):
        found = ()
    underway = [(row.id, row.state, row.due_at, row.attempts) for row in found]
    behaviour = mailbox.switch.behaviour if mailbox.switch else ""
    return hashlib.sha256(repr((mails, underway, behaviour)).encode()).hexdigest()[:16]


def _add_changes(router: APIRouter, context: WebContext, mailbox: Mailbox) -> None:
    @router.get("/changes")
    async def stream_changes(seen: str = "", last_event_id: Annotated[str, Header()] = "") -> Response:
        """Say `changed` as soon as there is anything else to see than the page has `seen`."""
        stream = changes(partial(_stamp, context, mailbox), context.stopping, last_event_id or seen)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def changes(look: Look, stopping: Stopping, seen: str, poll_s: float = POLL_S) -> AsyncIterator[bytes]:
    """Yield server-sent events until `stopping` is set; looks every `poll_s` seconds.

    Whoever names nothing they have `seen` hears of what comes from now on.
    """
    yield b"retry: 1000\n\n"  # milliseconds: a service that is developed starts again often
    seen = seen or await look()
    silent_s = 0.0
    while not stopping.is_set():
        now = await look()
        if now != seen:
            seen, silent_s = now, 0.0
            # The id comes back as Last-Event-ID when the connection was lost meanwhile.
            yield f"id: {now}\nevent: changed\ndata: {now}\n\n".encode()
        elif silent_s >= KEEP_ALIVE_S:  # without a write nobody notices that the browser has gone
            silent_s = 0.0
            yield b": still here\n\n"
        silent_s += poll_s
        try:
            await asyncio.wait_for(stopping.wait(), poll_s)
        except TimeoutError:
            continue


def _add_forms(router: APIRouter, context: WebContext, mailbox: Mailbox, kit: PageKit) -> None:
    switch = mailbox.switch

    async def checked(request: Request) -> tuple[Any, Exception | None]:
        typed = await kit.read(request)
        try:
            kit.check(request, typed)
        except SHOWN as error:
            return await request.form(), error
        return await request.form(), None

    @router.post("/delete")
    async def submit_delete(request: Request) -> Response:
        form, error = await checked(request)
        if error is not None:
            return await _list_page(request, context, mailbox, kit, _wanted(form), error)
        await asyncio.to_thread(mailbox.delete_all)
        return _back(request)

    if switch is None:
        return

    @router.post("/server")
    async def submit_server(request: Request) -> Response:
        form, error = await checked(request)
        if error is not None:
            return await _list_page(request, context, mailbox, kit, _wanted(form), error)
        try:
            switch.behaviour = Behaviour(str(form.get("behaviour", "")))
        except ValueError:
            raise refused("bad_request") from None
        return _back(request, _wanted(form))


def _wanted(form: Any) -> str:
    return str(form.get("q", ""))[:MAX_QUERY_CHARACTERS]


def _back(request: Request, wanted: str = "") -> Response:
    """Lead to the list. By 303 for htmx as well: it follows, and takes what it wants from the page it finds."""
    language = asked_language(request)
    query = {**({"q": wanted} if wanted else {}), **({"locale": language} if language else {})}
    return RedirectResponse(PAGE + query_text(query), 303)
