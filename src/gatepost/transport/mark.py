"""The mark of one submission: "from here on the server may have the message", durable before the content is written."""

import asyncio
from typing import cast

from gatepost.transport.transport import Committing

# How long a mark that was told to stop may take to end.
MARK_END_S = 1.0


class Mark:
    """The one call of `committing`: begun early, waited for late, never begun twice."""

    def __init__(self, committing: Committing) -> None:
        self._committing = committing
        self._task: asyncio.Future[bool] | None = None

    def start(self) -> None:
        """Begin to make it durable, unless that has begun."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._committing())

    @property
    def begun(self) -> bool:
        """True from the moment on at which it may be durable."""
        return self._task is not None

    @property
    def known_lost(self) -> bool:
        """True when it is already known that the claim is no longer ours."""
        task = self._task
        return task is not None and task.done() and task.exception() is None and not task.result()

    async def durable(self) -> bool:
        """Wait for it; False when the claim is no longer ours. Raises what `committing` raised."""
        self.start()
        # Shielded: our deadline must not cut off a write that may be done a moment later.
        return await asyncio.shield(cast("asyncio.Future[bool]", self._task))

    async def settle(self) -> None:
        """Wait for it if it was begun, so that the caller knows what state the message is in."""
        if self._task is not None:
            await self.durable()

    async def abandon(self) -> None:
        """Tell it to stop, and wait a moment until it has."""
        task = self._task
        if task is None:
            return
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=MARK_END_S)
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain about it
