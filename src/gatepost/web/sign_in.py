"""The JSON routes of signing in: login, logout, who I am, my sessions."""

from fastapi import APIRouter

from gatepost.web.context import WebContext
from gatepost.web.route import route_class_for


def sign_in_router(context: WebContext, *, prefix: str = "/auth") -> APIRouter:
    """Make the router."""
    return APIRouter(prefix=prefix, route_class=route_class_for(context), tags=["accounts"])
