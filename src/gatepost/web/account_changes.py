"""The JSON routes by which a signed-in person changes the account: profile, password, address, deletion."""

from fastapi import APIRouter

from gatepost.web.context import WebContext
from gatepost.web.route import route_class_for


def changes_router(context: WebContext, *, prefix: str = "/auth") -> APIRouter:
    """Make the router."""
    return APIRouter(prefix=prefix, route_class=route_class_for(context), tags=["accounts"])
