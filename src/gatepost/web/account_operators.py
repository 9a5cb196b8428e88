"""/accounts: what support may see of an account and an operator may do to it."""

from fastapi import APIRouter

from gatepost.web.context import WebContext
from gatepost.web.route import route_class_for


def account_operators_router(context: WebContext) -> APIRouter:
    """Make the router."""
    return APIRouter(prefix="/accounts", route_class=route_class_for(context), tags=["accounts"])
