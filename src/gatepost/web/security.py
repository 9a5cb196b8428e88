"""Who may send what: origins, the caller's address, request ids, and the header fields every answer carries."""

import ipaddress
import re
import uuid
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import Scope

from gatepost.web.context import WebContext
from gatepost.web.problems import refused

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FORM_TYPE = "application/x-www-form-urlencoded"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_STATE_KEY = "gatepost_request_id"  # beside whatever the host application keeps in request.state
_DEFAULT_PORTS = {"http": 80, "https": 443}

# Nothing may be loaded, framed or submitted: right for JSON. Pages set a policy of their own.
_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_FIXED_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=31536000; includeSubDomains"


def security_headers(*, https: bool) -> Mapping[str, str]:
    """The header fields of every answer, right for JSON.

    Args:
        https: whether people reach us through HTTPS.
    """
    return {**_FIXED_HEADERS, "Strict-Transport-Security": _HSTS} if https else _FIXED_HEADERS


def add_security_headers(headers: MutableHeaders, context: WebContext) -> None:
    """Add every security header field that the answer does not set itself."""
    for name, value in security_headers(https=context.is_https).items():
        headers.setdefault(name, value)


def request_id_for(scope: Scope, context: WebContext) -> str:
    """Give the request its id: the one a trusted proxy sent, or a new one.

    A stranger must not choose what stands in our logs. Asked again for the same request, it is the same id.
    """
    state = scope.setdefault("state", {})
    if _STATE_KEY not in state:
        given = Headers(scope=scope).get("x-request-id", "")
        trusted = _REQUEST_ID.fullmatch(given) and _is_trusted_proxy(scope, context)
        state[_STATE_KEY] = given if trusted else str(uuid.uuid4())
    return str(state[_STATE_KEY])


def request_id_of(request: Request) -> str:
    """The id `request_id_for` gave."""
    return str(request.scope["state"][_STATE_KEY])


async def _request_id(request: Request) -> str:
    # A coroutine, although it waits for nothing: FastAPI would send a plain function to a thread for each request.
    return request_id_of(request)


RequestId = Annotated[str, Depends(_request_id)]


def _is_trusted_proxy(scope: Scope, context: WebContext) -> bool:
    address = peer(scope)
    return address is not None and any(address in network for network in context.settings.trusted_proxies)


def peer(scope: Scope) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of the other end of the connection, IPv4 also when it came through an IPv6 socket."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_loopback_name(host: str) -> bool:
    """Whether a host name, without port and brackets, means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str | None:
    """The name in a Host header field, in lower case and without port and brackets; None when it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in host or any(c <= " " for c in host):
        return None
    return parts.hostname


def check_origin(scope: Scope, context: WebContext) -> None:
    """Refuse an unsafe request that a page of another site caused.

    Requests without Origin and Sec-Fetch-Site come from programs, which carry no person's cookies; they pass.

    Raises:
        Refused: `foreign_origin`.
    """
    if scope["method"] in SAFE_METHODS:
        return
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None:
        allowed = site in (None, "same-origin", "none")
    elif origin == "null":
        allowed = _null_origin_is_ours(headers, site)
    else:
        allowed = _is_our_origin(origin, scope, context)
    if not allowed:
        raise refused("foreign_origin")


def check_cookie_origin(scope: Scope, context: WebContext) -> None:
    """Refuse an unsafe request that brings our session cookie, unless it proves that a page of this site sent it.

    Stricter than `check_origin`: every browser that sends the cookie says by one field or the other whose page it was,
    and a form may lead to a route without a CSRF field.

    Raises:
        Refused: `foreign_origin`.
    """
    if scope["method"] in SAFE_METHODS:
        return
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    says_nothing = origin is None or origin == "null"
    allowed = site == "same-origin" if says_nothing else _is_our_origin(origin or "", scope, context)
    if not allowed:
        raise refused("foreign_origin")


def _null_origin_is_ours(headers: Mapping[str, str], site: str | None) -> bool:
    """Our pages send no referrer, so browsers name their origin `null` when one of our own forms is sent.

    Sec-Fetch-Site then says whose form it was. Browsers leave that out on plain HTTP and before 2023; a form also
    proves itself by its CSRF field, so it passes here. JSON has no such field and does not pass.
    """
    if site is None:
        return headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_TYPE
    return site == "same-origin"


def _is_our_origin(origin: str, scope: Scope, context: WebContext) -> bool:
    ours, theirs = _origin_parts(context.settings.public_url), _origin_parts(origin)
    if theirs is None or theirs == ours:
        return theirs is not None
    # In development the same server is reached as localhost, 127.0.0.1 or [::1].
    scheme, host, port = theirs
    ports = {ours[2] if ours else None, (scope.get("server") or (None, None))[1]}
    return context.in_development and scheme == "http" and is_loopback_name(host) and port in ports


def _origin_parts(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    return parts.scheme, parts.hostname, port
