"""Runs a worker in the foreground, without HTTP: beside any number of others on PostgreSQL."""

from gatepost.app import Gatepost
from gatepost.cli import text
from gatepost.cli.foreground import Foreground
from gatepost.errors import DatabaseInUse
from gatepost.parts import service_events
from gatepost.settings import Settings
from gatepost.settings.urls import masked_url
from gatepost.version import VERSION


def work(settings: Settings) -> int:
    """Submit messages until a signal stops it, and return the exit code.

    Raises:
        StartRefused: the database or the folder cannot be had.
        SettingsError: what the settings name cannot be used.
    """
    gatepost = Gatepost(settings, events=service_events())
    Foreground(gatepost, _Working(gatepost)).live()
    return 0


class _Working:
    """One run of a worker; see `Run`."""

    def __init__(self, gatepost: Gatepost) -> None:
        self._gatepost = gatepost
        self.started = False

    async def live(self) -> None:
        # Whoever owns a SQLite file sends its mail too: waiting for it to stop would be waiting for nothing.
        on_sqlite = self._gatepost.settings.database_file is not None
        try:
            await self._gatepost.start(wait_for_owner_s=0 if on_sqlite else None)
        except DatabaseInUse as refusal:
            raise DatabaseInUse(
                f"{refusal} `gatepost serve` sends the mail by itself; workers beside it need PostgreSQL."
            ) from None
        self.started = True
        text.announce(what(self._gatepost.settings))
        try:
            await self._gatepost.worker_stopped()
        finally:
            await self._gatepost.stop()

    async def end(self) -> None:
        """Nothing to do: `live` waits for the worker."""

    def hurry(self) -> None:
        """Nothing to do: only the worker has anything under way."""


def what(settings: Settings) -> str:
    """What is printed once it works."""
    slots = "one message" if settings.worker_slots == 1 else f"up to {settings.worker_slots} messages"
    return f"Gatepost {VERSION} sends the mail of {masked_url(settings.database_url)}, {slots} at a time"
