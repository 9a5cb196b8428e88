"""Which client a request comes from: the peer, or whom a trusted proxy names.

Only TRUSTED_PROXIES are believed. X-Forwarded-For is read from its right end, where the nearest proxy wrote: the first
address that is no trusted proxy is the client. Whatever a stranger writes stands further left.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from gatepost.accounts.client import Client, client_at
from gatepost.events import SettingWarned
from gatepost.web.context import WebContext
from gatepost.web.security import peer

_STATE_KEY = "gatepost_client"
_MAX_AGENT_CHARACTERS = 200
_MAX_HOPS = 32


def client_for(scope: Scope, context: WebContext) -> Client:
    """The client of a request; asked again for the same request, it is the same."""
    state = scope.setdefault("state", {})
    if _STATE_KEY not in state:
        headers = Headers(scope=scope)
        agent = "".join(c for c in headers.get("user-agent", "") if c.isprintable())[:_MAX_AGENT_CHARACTERS]
        state[_STATE_KEY] = client_at(address_of(scope, context), agent.strip() or None)
    client: Client = state[_STATE_KEY]
    return client


async def _client(request: Request) -> Client:
    # A coroutine, although it waits for nothing: FastAPI would send a plain function to a thread for each request.
    client: Client = request.scope["state"][_STATE_KEY]
    return client


CallingClient = Annotated[Client, Depends(_client)]


def _warn_of_proxy(nearest: IPv4Address | IPv6Address, headers: Headers, context: WebContext) -> None:
    """Say once that a proxy seems to be there whom nobody trusts: all people behind it are limited as one client."""
    if "x-forwarded-for" in headers and "proxy" not in context.warned and context.settings.rate_limits:
        context.warned.add("proxy")
        context.events.emit(
            SettingWarned(
                detail=f"requests come from {nearest} with X-Forwarded-For, and it is no trusted proxy: all clients"
                " behind it are limited as one; if it is your proxy, put it into GATEPOST_TRUSTED_PROXIES"
            )
        )


def address_of(scope: Scope, context: WebContext) -> IPv4Address | IPv6Address | None:
    """Where a request comes from; None where nobody knows."""
    headers = Headers(scope=scope)
    nearest = peer(scope)
    trusted = context.settings.trusted_proxies
    if nearest is not None and nearest.is_private and not any(nearest in network for network in trusted):
        _warn_of_proxy(nearest, headers, context)
    hops = ",".join(headers.getlist("x-forwarded-for")).split(",")[-_MAX_HOPS:]
    while nearest is not None and hops and any(nearest in network for network in trusted):
        try:
            further = ip_address(hops.pop().strip())
        except ValueError:
            break  # what no proxy of ours can have written: the last one known is the client
        nearest = further.ipv4_mapped or further if isinstance(further, IPv6Address) else further
    return nearest
