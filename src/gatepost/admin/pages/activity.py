"""/admin: what goes on at this moment. The page keeps still without scripts; with them it is brought up to date."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gatepost.activity.chart import Chart, Series
from gatepost.activity.now import Activity, Watch
from gatepost.activity.tally import MINUTE_MS
from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.admin.live import Live
from gatepost.admin.watching import still_signed_in
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.outbox.depths import MAX_COUNTED
from gatepost.web.security import check_origin

SPANS = (("minute", "Last minute"), ("hour", "Last hour"), ("day", "Last day"))
# Somebody in front of a screen has given up by then.
LATE_MS = MINUTE_MS


def add_activity(router: APIRouter, house: House) -> None:
    """Add the page, and the stream of what changes on it."""
    watch = Watch(house.web.database, house.web.clock)
    live = Live(
        watch.look,
        lambda seen: house.kit.render("activity_frame", **_values(house, seen)),
        partial(still_signed_in, house.gate),
        house.web.stopping,
        house.web.clock,
    )

    @router.api_route("", methods=["GET", "HEAD"])
    async def show_activity(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))], span: str = "hour"
    ) -> Response:
        seen = await watch.look()
        span = span if span in dict(SPANS) else "hour"
        rows = list(_rows(getattr(seen.chart, span)))
        return house.kit.show(
            request, "activity", current=current, span=span, spans=SPANS, rows=rows, **_values(house, seen)
        )

    @router.get("/live")
    async def stream_activity(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        # As if it changed something: a page of another site must not even make us look.
        check_origin({**request.scope, "method": "POST"}, house.web)
        live.admit()
        stream = live.frames(current.session_id)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _values(house: House, seen: Activity) -> dict[str, Any]:
    oldest = seen.depths.oldest_waiting_at
    return {
        "seen": seen,
        "servers": house.usable(),
        "late": oldest is not None and seen.at - oldest > LATE_MS,
        "most": MAX_COUNTED,
        "chart": _figures(seen.chart),
    }


def _figures(chart: Chart) -> str:
    """The chart for the script. The minute has no place in time: while nothing happens it stays the same."""
    minute = {"width": 1, "accepted": chart.minute.accepted, "given_up": chart.minute.given_up}
    return json.dumps({"minute": minute, "hour": _placed(chart.hour), "day": _placed(chart.day)}, separators=(",", ":"))


def _placed(series: Series) -> dict[str, Any]:
    until, width = series.until_ms // 1000, series.width_ms // 1000
    return {"until": until, "width": width, "accepted": series.accepted, "given_up": series.given_up}


def _rows(series: Series) -> Iterator[tuple[int, int, int]]:
    begin_ms = series.until_ms - len(series.accepted) * series.width_ms
    for number, (accepted, given_up) in enumerate(zip(series.accepted, series.given_up, strict=True)):
        if accepted or given_up:
            yield begin_ms + number * series.width_ms, accepted, given_up
