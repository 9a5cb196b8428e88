"""Forms that only our own pages can send: a random cookie and a field signed from it (double submit)."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from gatepost.web.context import WebContext

FIELD = "form_key"
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name(context: WebContext) -> str:
    """`__Host-` binds the cookie to this host and HTTPS; browsers refuse that name on plain HTTP."""
    return "__Host-gatepost-csrf" if context.is_https else "gatepost-csrf"


def cookie_of(request: Request, context: WebContext) -> str:
    """The cookie the browser has, or a new value; kept while it is valid, so that several open forms all work."""
    value = request.cookies.get(cookie_name(context), "")
    return value if _COOKIE_VALUE.fullmatch(value) else secrets.token_urlsafe(32)


def set_cookie(response: Response, value: str, context: WebContext) -> None:
    """Give the browser the cookie. Lax: a person comes from the mail program, which is another site."""
    response.set_cookie(cookie_name(context), value, path="/", secure=context.is_https, httponly=True, samesite="lax")


def field_for(cookie: str, context: WebContext) -> str:
    """The hidden field that belongs to a cookie; without the key nobody can make one for a cookie of theirs."""
    return hmac.new(context.form_key, b"gatepost form:" + cookie.encode(), hashlib.sha256).hexdigest()


def is_ours(request: Request, form: Mapping[str, str], context: WebContext) -> bool:
    """Whether a sent form carries the field that belongs to the cookie sent with it."""
    value = request.cookies.get(cookie_name(context), "")
    return hmac.compare_digest(field_for(value, context).encode(), form.get(FIELD, "").encode())
