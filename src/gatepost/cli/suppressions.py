"""`gatepost suppressions`: lists who must not be written to, adds to it and lifts."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from gatepost.cli import text
from gatepost.cli.leaving import failing
from gatepost.cli.operating import Hints, perform
from gatepost.clock import iso
from gatepost.database.opening import open_for_reading
from gatepost.orders.suppression import shown
from gatepost.parts import build_hiding
from gatepost.settings import Settings
from gatepost.settings.development import FILE_NAME
from gatepost.suppression.by_hand import MAX_EXPIRES_IN_DAYS, address_key
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.page import MAX_PAGE, SuppressionRow, page
from gatepost.suppression.reason import Reason, Scope

suppressions_cli = typer.Typer(
    no_args_is_help=True,
    help="Look at who must not be written to, and change it, beside a running service or without one.",
)

Why = Annotated[str | None, typer.Option(help="Why; kept with what was done, at most 500 characters.")]
_HINTS = Hints(
    look="look with `gatepost suppressions list`", instead="The routes under /mail/suppressions do the same over HTTP"
)
_NO_SUCH = "there is no suppression with the id {}; `gatepost suppressions list` lists them."


@dataclass(frozen=True)
class Question:
    """Which suppressions are asked for; None means any. `before` is the id of the last one of the page before."""

    recipient: str | None
    reason: Reason | None
    limit: int
    before: uuid.UUID | None


@suppressions_cli.command("list")
def list_suppressions(
    recipient: Annotated[str | None, typer.Option(help="Only of this address.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Only for this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="At most so many.")] = 50,
    before: Annotated[uuid.UUID | None, typer.Option(help="Only older than the suppression with this id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as GET /mail/suppressions answers it.")] = False,
) -> None:
    """List suppressions, newest first."""
    question = Question(recipient, reason, limit, before)
    rows = asyncio.run(_read(Settings.load(), question))
    following = str(rows[-1].id) if len(rows) == limit else None
    if as_json:
        print(json.dumps({"suppressions": [shown(row) for row in rows], "next": following}, indent=2))
        return
    text.columns(
        ("id", "created", "address", "scope", "reason", "source", "expires", "detail"),
        (
            (
                row.id,
                iso(row.created_at),
                row.address or "erased",
                row.scope,
                row.reason,
                row.source,
                None if row.expires_at is None else iso(row.expires_at),
                row.detail,
            )
            for row in rows
        ),
    )
    if following is not None:
        print(f"older ones: --before {following}")


@suppressions_cli.command("add")
def add_suppression(
    address: Annotated[str, typer.Argument(help="Who must not be written to.")],
    scope: Annotated[Scope, typer.Option(help="Which mail is stopped.")] = Scope.ALL,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=MAX_EXPIRES_IN_DAYS, help="After so many days it ends by itself.")
    ] = None,
    reason: Why = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as POST /mail/suppressions answers it.")] = False,
) -> None:
    """Write to an address no more."""
    values = {"address": address, "scope": str(scope), "expires_in_days": expires_in_days, "reason": reason}
    with failing(""):
        row = asyncio.run(perform(Settings.load(), "suppress", values, hints=_HINTS))
    if as_json:
        print(json.dumps({"suppression": row}, indent=2))
        return
    until = "until it is lifted" if row["expires_at"] is None else f"until {row['expires_at']}"
    print(text.printable(f"{row['id']}: {address} is suppressed, {row['scope']}, {until}"))


@suppressions_cli.command("lift")
def lift_suppression(
    id: Annotated[uuid.UUID, typer.Argument(help="The suppression's id, as `suppressions list` prints it.")],
    reason: Why = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lift a suppression, whatever it was for."""
    with failing(_NO_SUCH.format(id)):
        values = {"suppression": str(id), "reason": reason}
        lifted = asyncio.run(perform(Settings.load(), "lift", values, hints=_HINTS))
    if as_json:
        text.as_json({"lifted": lifted})
        return
    whom = lifted["address"] or "an erased person"
    print(text.printable(f"{id}: {lifted['reason']} of {whom} is lifted"))


async def _read(settings: Settings, question: Question) -> Sequence[SuppressionRow]:
    query = partial(
        page,
        hiding=_hiding_there(settings),
        recipient_key=None if question.recipient is None else address_key(question.recipient),
        reason=question.reason,
        before=question.before,
        limit=question.limit,
    )
    database = await open_for_reading(settings.database_url)
    try:
        return await database.read(query)
    finally:
        await database.close()


def _hiding_there(settings: Settings) -> Hiding:
    """What finds erased people; a list makes no key where there is none."""
    there = settings.suppression_key or settings.secret_keys or (settings.data_folder / FILE_NAME).exists()
    return build_hiding(settings) if there else Hiding([])
