"""The router of /admin: every page of the operators, each behind the role it needs."""

from fastapi import APIRouter, Depends

from gatepost.admin.access import open_once_somebody_operates
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE, STATIC_PATH, static_files
from gatepost.admin.pages.account import add_account
from gatepost.admin.pages.accounts import add_accounts
from gatepost.admin.pages.activity import add_activity
from gatepost.admin.pages.audit import add_audit
from gatepost.admin.pages.message import add_message
from gatepost.admin.pages.message_actions import add_message_actions
from gatepost.admin.pages.operators import add_operators
from gatepost.admin.pages.password import add_password
from gatepost.admin.pages.search import add_search
from gatepost.admin.pages.servers import add_servers
from gatepost.admin.pages.sign_in import add_sign_in
from gatepost.admin.pages.sign_ups import add_sign_ups
from gatepost.admin.pages.suppressions import add_suppressions
from gatepost.admin.pages.templates import add_templates
from gatepost.web.route import route_class_for
from gatepost.web.static_files import add_files

_PAGES = (
    add_activity,
    add_search,
    add_message,
    add_message_actions,
    add_accounts,
    add_account,
    add_suppressions,
    add_sign_ups,
    add_servers,
    add_templates,
    add_audit,
    add_operators,
    add_password,
)


def admin_router(house: House) -> APIRouter:
    """Make the router. Until there is an operator everything below it is 404."""
    router = APIRouter(dependencies=[Depends(open_once_somebody_operates(house))], include_in_schema=False)
    pages = APIRouter(
        prefix=PAGE,
        route_class=route_class_for(house.web, answer_problem=house.kit.show_problem, takes_forms=True),
    )
    add_sign_in(pages, house)
    for add in _PAGES:
        add(pages, house)
    router.include_router(pages)
    own_files = APIRouter(route_class=route_class_for(house.web, routine=True))
    add_files(own_files, STATIC_PATH, static_files())
    router.include_router(own_files)
    return router
