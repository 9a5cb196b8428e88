"""/admin/operators: who operates, for owners. Operators are added, and given passwords, on the command line alone."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.admin.access import only, signature
from gatepost.admin.house import House
from gatepost.admin.kit import PAGE
from gatepost.audit.trail import Signature
from gatepost.errors import N_, FieldError, InvalidInput, LastOwner, TryLater
from gatepost.operators.crew import Crew
from gatepost.operators.people import find_named, list_operators
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator

# What a form may ask for: the word in its address, and how the status line calls what was done.
CHANGES = {
    "role": "role_changed",
    "disable": "disabled",
    "enable": "enabled",
    "end-sessions": "sessions_ended",
}


def add_operators(router: APIRouter, house: House) -> None:
    """Add the list, the page of one operator, and what an owner may change there."""
    crew = Crew(house.write, house.gate.clock, house.gate.events)
    owner = Annotated[CurrentOperator, Depends(only(house, Role.OWNER))]

    @router.api_route("/operators", methods=["GET", "HEAD"])
    async def show_operators(request: Request, current: owner) -> Response:
        now_ms, idle_s = house.gate.clock.now_ms(), house.gate.session_idle_s
        found = await house.web.database.read(lambda connection: list_operators(connection, now_ms, idle_s))
        return house.kit.show(request, "operators", current=current, listed=found)

    @router.api_route("/operators/{name}", methods=["GET", "HEAD"])
    async def show_operator(request: Request, name: str, current: owner) -> Response:
        return await _page(house, request, current, name)

    for change, done in CHANGES.items():
        _add_change(router, house, crew, change, done)


def _add_change(router: APIRouter, house: House, crew: Crew, change: str, done: str) -> None:
    @router.post(f"/operators/{{name}}/{change}", name=f"operator_{change}")
    async def submit(
        request: Request, name: str, current: Annotated[CurrentOperator, Depends(only(house, Role.OWNER))]
    ) -> Response:
        fields = await house.kit.read(request)
        try:
            await _do(crew, change, name, fields, signature(request, current, fields))
        except (InvalidInput, LastOwner, TryLater) as error:
            return await _page(house, request, current, name, error=error, typed=fields, tried=change)
        return house.kit.lead(f"{PAGE}/operators/{name}", done=done)


async def _do(crew: Crew, change: str, name: str, fields: dict[str, str], by: Signature) -> None:
    match change:
        case "role":
            await crew.set_role(name, _role_in(fields), by)
        case "disable":
            await crew.disable(name, by)
        case "enable":
            await crew.enable(name, by)
        case _:
            await crew.end_sessions(name, by)


async def _page(
    house: House,
    request: Request,
    current: CurrentOperator,
    name: str,
    *,
    error: Exception | None = None,
    typed: dict[str, str] | None = None,
    tried: str = "",
) -> Response:
    """Show one operator; `tried` is the form that was sent, which stays open with what stood in it."""
    operator = await house.web.database.read(lambda connection: find_named(connection, name))
    return house.kit.show(
        request,
        "operator",
        current=current,
        error=error,
        typed=typed,
        done=request.query_params.get("done", ""),
        operator=operator,
        roles=list(Role),
        tried=tried,
        is_me=operator.id == current.operator.id,
    )


def _role_in(fields: dict[str, str]) -> Role:
    try:
        return Role(fields.get("role", ""))
    except ValueError:
        raise InvalidInput([FieldError("role", "invalid", N_("Choose one of the roles."))]) from None
