"""Whether mail is delayed for everybody at this moment, for pages that tell a person to look into the inbox."""

from collections.abc import Callable, Mapping

from gatepost.clock import Clock
from gatepost.database.connection import Database
from gatepost.errors import NotStarted, TryLater
from gatepost.outbox.delay import is_held_up

# However many people ask: one look at the database in so many seconds.
LOOK_EVERY_S = 5.0


class Delay:
    """Judges for one process.

    Args:
        database: what waits in it.
        clock: says when it is time for another look.
        usable: each server of this process's transport, and whether messages may go there; empty where another process
            sends the mail, or where nothing can fail.
    """

    def __init__(self, database: Database, clock: Clock, usable: Callable[[], Mapping[str, bool]]) -> None:
        self._database = database
        self._clock = clock
        self._usable = usable
        self._held_up = False
        self._looked_at_s = float("-inf")

    async def is_there(self) -> bool:
        """Say whether mail is delayed: no server can be used, or the outbox is held up. Raises nothing a network does.

        Nobody waits for a look that somebody else has begun: until that is over the last answer counts.
        """
        usable = self._usable()
        if usable and not any(usable.values()):
            return True
        now_s = self._clock.monotonic()
        if now_s - self._looked_at_s >= LOOK_EVERY_S:
            self._looked_at_s = now_s
            await self._look()
        return self._held_up

    async def _look(self) -> None:
        try:
            now_ms, alone = self._clock.now_ms(), not self._database.shared
            self._held_up = await self._database.read(lambda connection: is_held_up(connection, now_ms, alone=alone))
        except (NotStarted, TryLater):
            pass  # what was seen last is still the best that is known
