"""The last write of a worker that stops: what is true of the tries it had to break off."""

from collections.abc import Collection

from sqlalchemy import Connection

from gatepost.delivery.attempt import Attempt, Desk
from gatepost.delivery.bounces import write_all
from gatepost.errors import TryLater
from gatepost.events import WorkerFailed
from gatepost.outbox.settle import settle


async def break_off(desk: Desk, attempts: Collection[Attempt]) -> int:
    """Settle tries whose tasks have ended, in one transaction; return how many there were."""
    if not attempts:
        return 0
    in_order = sorted(attempts, key=lambda one: one.claimed.id)
    now_ms = desk.clock.now_ms()

    def work(tx: Connection) -> list[Attempt]:
        settled = [one for one in in_order if settle(tx, one.claimed, *one.break_off(now_ms), now_ms)]
        write_all(tx, [one.bounce for one in settled if one.bounce is not None], now_ms)
        return settled

    try:
        for attempt in await desk.database.write(work):
            attempt.announce()
    except TryLater as error:
        # These rows are found with an owner that is gone, by another worker or at the next start.
        desk.events.emit(WorkerFailed(error=str(error), retry_in_s=0))
    return len(in_order)
