"""Every page of the operators in a lived-in house."""

from gatepost.operators.role import Role
from tests.browser.admin_house import ADA, BO, ELSA, FULL, GONE, HELD, LOST, UNKNOWN, AdminHouse
from tests.support.crawl import crawl

FIRST = "/admin"
# What is looked for, and what is not there.
ELSEWHERE = (
    f"/admin/messages?q={FULL}",
    f"/admin/messages?q={UNKNOWN}",
    "/admin/messages?q=example",
    "/admin/messages?q=nothing-like-it",
    "/admin/messages/00000000-0000-7000-8000-000000000000",
    "/admin/login",
)


def every_page(house: AdminHouse, role: Role = Role.OWNER) -> list[str]:
    """A message in each plight, two accounts, and one address of every kind that links lead to."""
    plights = [f"/admin/messages/{house.message(one)}" for one in (FULL, GONE, LOST, ADA, BO, HELD, UNKNOWN)]
    accounts = [f"/admin/accounts/{house.account(one)}" for one in (ADA, ELSA)]
    first = [FIRST, *plights, *accounts, *ELSEWHERE]
    return list(crawl(lambda path: house.get(path, role)[1], first))
