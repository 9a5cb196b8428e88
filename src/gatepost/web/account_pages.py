"""Pages for people who have an account: sign in, the account, confirm or undo a change of address."""

from fastapi import APIRouter

from gatepost.web.context import WebContext
from gatepost.web.page_kit import PageKit
from gatepost.web.route import route_class_for


def account_pages_router(context: WebContext) -> APIRouter:
    """Make the router of the pages: /login, /account, /email/confirm, /email/undo."""
    kit = PageKit(context)
    route_class = route_class_for(context, answer_problem=kit.show_problem, takes_forms=True)
    return APIRouter(route_class=route_class, include_in_schema=False)
