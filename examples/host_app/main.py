"""Tideline, a made-up product that shows tides. Sign-up and its mail come from Gatepost; one mail is Tideline's own.

From the repository's root:  .venv/bin/uvicorn --app-dir examples/host_app --factory main:make_app
"""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import Column, Connection, MetaData, Table, Text
from sqlalchemy.dialects.sqlite import insert

from gatepost import Account, Draft, Gatepost, Settings
from gatepost.errors import InvalidInput
from gatepost.events import AddressVerified, Event

TEMPLATES = Path(__file__).parent / "templates"
TIDES = {"Brest": "04:12", "Dover": "06:47", "Leith": "09:03"}

# A table of Tideline's own, in Gatepost's file: only there can its rows and the mail be one transaction on SQLite.
reminders = Table(
    "tideline_reminders",
    MetaData(),
    Column("harbour", Text, primary_key=True),
    Column("address_key", Text, primary_key=True),
)


class NewReminder(BaseModel):
    """Who wants to be told."""

    email: str


def make_app(settings: Settings | None = None) -> FastAPI:
    """Make Tideline with Gatepost in it.

    Args:
        settings: Gatepost's; from the environment and gatepost.toml when None.
    """
    gatepost = Gatepost(settings, templates=TEMPLATES)
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

    @app.get("/berth")
    async def get_berth(account: Annotated[Account, Depends(gatepost.current_account)]) -> dict[str, str]:
        """A berth for whoever is signed in; for everybody else 401."""
        return {"kept for": account.name or account.email}

    @app.get("/verified")
    async def get_verified() -> dict[str, int]:
        """How many addresses were verified since the start."""
        return {"count": int(app.state.verified)}

    @app.post("/tides/{harbour}/reminders", status_code=202)
    async def post_reminder(harbour: str, new: NewReminder) -> dict[str, bool]:
        """Mail today's high water to somebody, once."""
        if harbour not in TIDES:
            raise HTTPException(404)
        try:
            draft = Draft(
                template="high_water", recipient=new.email, values={"harbour": harbour, "time": TIDES[harbour]}
            )
        except InvalidInput as refusal:
            raise HTTPException(422, refusal.errors[0].detail) from None

        # A plain function: it runs in one transaction, and may run twice.
        def work(tx: Connection) -> bool:
            reminders.create(tx, checkfirst=True)  # a product has migrations of its own
            row = {"harbour": harbour, "address_key": draft.recipient_key}
            if not tx.execute(insert(reminders).values(row).on_conflict_do_nothing()).rowcount:
                return False
            gatepost.mail.enqueue_in(tx, draft)
            return True

        return {"promised": await gatepost.write(work)}

    return app
