"""GET /mail/stats: counts, rates, ages and times of the mail, for programs that watch it."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from gatepost.activity.window import DEFAULT_WINDOW_S, MAX_WINDOW_S, MIN_WINDOW_S, Window, window_of
from gatepost.clock import iso
from gatepost.web.access import operators_only
from gatepost.web.context import WebContext
from gatepost.web.problems import documented
from gatepost.web.route import route_class_for


class TimesBody(BaseModel):
    """Milliseconds from the promise to the acceptance: half of the messages took no longer than `p50`."""

    p50: int | None
    p95: int | None
    p99: int | None


class HoldBody(BaseModel):
    """Since when the whole queue is held, by whom and why."""

    at: str
    actor: str
    reason: str | None


class StatsBody(BaseModel):
    """The mail of the last `window_s` seconds before `at`, and what waits.

    `settled`: messages whose fate was settled in them, by the state they are in now; `accepted` are those a server
    took, also where they came back since. `by_state`: what is not over yet; 100,000 means that many or more.
    """

    at: str
    window_s: int
    settled: dict[str, int]
    accepted: int
    accepted_per_second: float
    acceptance_ms: TimesBody
    by_state: dict[str, int]
    oldest_waiting_at: str | None
    oldest_waiting_s: float | None
    hold: HoldBody | None

    @classmethod
    def of(cls, window: Window) -> "StatsBody":
        oldest, hold, times = window.depths.oldest_waiting_at, window.hold, window.times_ms
        return cls(
            at=iso(window.at),
            window_s=window.window_s,
            settled=dict(window.settled),
            accepted=window.accepted,
            accepted_per_second=round(window.accepted / window.window_s, 3),
            acceptance_ms=TimesBody(p50=times[50], p95=times[95], p99=times[99]),
            by_state=dict(window.depths.by_state),
            oldest_waiting_at=None if oldest is None else iso(oldest),
            oldest_waiting_s=None if oldest is None else max(0, window.at - oldest) / 1000,
            hold=None if hold is None else HoldBody(at=iso(hold.at), actor=hold.actor, reason=hold.reason),
        )


def stats_router(context: WebContext) -> APIRouter:
    """Make the router; it needs the admin token."""
    router = APIRouter(
        prefix="/mail/stats",
        route_class=route_class_for(context),
        tags=["mail"],
        dependencies=[Depends(operators_only(context))],
    )

    @router.get("", responses=documented("unauthorized", "invalid_input", "try_later"), summary="Count the mail")
    async def get_stats(
        window: Annotated[int, Query(ge=MIN_WINDOW_S, le=MAX_WINDOW_S)] = DEFAULT_WINDOW_S,
    ) -> StatsBody:
        """Of the last `window` seconds. A look costs as much as was settled in them."""
        look = partial(window_of, now_ms=context.clock.now_ms(), window_s=window)
        return StatsBody.of(await context.database.read(look))

    return router
