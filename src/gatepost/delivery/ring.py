"""The bell: wakes the worker. If it is lost, the worker's poll finds the row all the same."""

import asyncio


class Ring:
    """Rung by anybody in the event loop, heard by one worker; many rings before it listens are one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the worker now, or let its next wait end at once."""
        self._rung.set()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next ring, at most `timeout_s` seconds from now."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return
        finally:
            self._rung.clear()
