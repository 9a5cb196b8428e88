"""Notes, after the answer, that a page was opened which a mailed link leads to."""

from fastapi import BackgroundTasks
from starlette.requests import Request

from gatepost.accounts.tokens import Purpose
from gatepost.web.context import WebContext
from gatepost.web.opener import opener_of
from gatepost.web.security import request_id_of


def note_opened(
    context: WebContext, request: Request, background: BackgroundTasks, purpose: Purpose, token: str
) -> None:
    """Have it noted once the page is on its way: it waits for no write, and none can hurt it."""
    if token:
        opener = opener_of(request.method, request.headers)
        background.add_task(context.note_open, purpose, token, opener, request_id=request_id_of(request))
