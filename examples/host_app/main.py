"""Tideline, a made-up product that shows tides. Sign-up and its mail come from Gatepost.

From the repository's root:  .venv/bin/uvicorn --app-dir examples/host_app --factory main:make_app
"""

from fastapi import FastAPI

from gatepost import Gatepost, Settings
from gatepost.events import AddressVerified, Event

TIDES = {"Brest": "04:12", "Dover": "06:47", "Leith": "09:03"}


def make_app(settings: Settings | None = None) -> FastAPI:
    """Make Tideline with Gatepost in it.

    Args:
        settings: Gatepost's; from the environment and gatepost.toml when None.
    """
    gatepost = Gatepost(settings)
    app = FastAPI(title="Tideline")
    app.state.gatepost = gatepost
    app.include_router(gatepost.router(prefix="/auth"))
    app.include_router(gatepost.operations_router())

    # Heard in this process, as it happens, and not stored: good for a counter, not for what must not be lost.
    app.state.verified = 0

    def count(event: Event) -> None:
        if isinstance(event, AddressVerified):
            app.state.verified += 1

    gatepost.events.subscribe(count)

    @app.get("/tides")
    async def get_tides() -> dict[str, str]:
        """High water today, by harbour."""
        return TIDES

    @app.get("/verified")
    async def get_verified() -> dict[str, int]:
        """How many addresses were verified since the start."""
        return {"count": int(app.state.verified)}

    return app
