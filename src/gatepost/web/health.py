"""Probes: is the process alive, may it be given work, what does it measure."""

from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from gatepost.web.access import operators_only
from gatepost.web.context import WebContext
from gatepost.web.problems import documented, refused
from gatepost.web.route import route_class_for

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The process does its work."""

    status: Literal["ready"] = "ready"


def health_router(context: WebContext) -> APIRouter:
    """Make the router of /healthz, /readyz and /metrics."""
    router = APIRouter(route_class=route_class_for(context, routine=True), tags=["operations"])

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", summary="The process is alive")
    async def get_healthz() -> Alive:
        """Touches nothing: a slow database must not get the process killed."""
        return Alive()

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", summary="Work may come", responses=documented("not_ready"))
    async def get_readyz() -> Ready:
        """Not while stopping, nor while the database cannot be read, lacks a migration or the worker does not run."""
        reasons = await context.readiness()
        if reasons:
            raise refused("not_ready", reasons=tuple(reasons))
        return Ready()

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        dependencies=[] if context.in_development else [Depends(operators_only(context))],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **documented("unauthorized")},
    )
    async def get_metrics() -> Response:
        """In production only with the admin token."""
        return Response(await context.metrics(), headers={"Content-Type": METRICS_TYPE})

    return router
