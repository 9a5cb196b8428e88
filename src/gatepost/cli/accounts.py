"""`gatepost accounts`: finds accounts, shows one, and puts it right. Nobody chooses a password."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, TypeVar

import typer

from gatepost.accounts.account import AccountRow
from gatepost.cli import text
from gatepost.cli.leaving import failing
from gatepost.cli.operating import Hints, perform
from gatepost.clock import SystemClock, iso
from gatepost.database.connection import Work
from gatepost.database.opening import open_for_reading
from gatepost.errors import NoSuchAccount
from gatepost.explain.account import AccountSeen, Known, see
from gatepost.explain.find import LOOKED_THROUGH, PAGE_ROWS, find_accounts
from gatepost.orders.account import Change, shown
from gatepost.orders.suppression import shown as shown_suppression
from gatepost.parts import build_hiding, build_keys
from gatepost.settings import Settings
from gatepost.settings.development import FILE_NAME

T = TypeVar("T")

accounts_cli = typer.Typer(
    no_args_is_help=True,
    help="Find accounts and put them right, beside a running service or without one.",
)

AccountId = Annotated[uuid.UUID, typer.Argument(help="The account's id, as `accounts find` prints it.")]
Why = Annotated[str | None, typer.Option("--reason", help="Why; kept with what was done, at most 500 characters.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_NO_SUCH = "there is no such account; `gatepost accounts find` lists them."


@accounts_cli.command("find")
def find(
    what: Annotated[str, typer.Argument(help="An address, a part of one, or an id; the newest without.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=PAGE_ROWS, help="At most so many.")] = PAGE_ROWS,
    before: Annotated[uuid.UUID | None, typer.Option(help="Only older than the account with this id.")] = None,
    as_json: Json = False,
) -> None:
    """Find accounts, newest first; a part of an address is looked for in the newest 20,000."""
    rows, bounded = asyncio.run(_read(Settings.load(), partial(find_accounts, text=what, before=before, limit=limit)))
    following = str(rows[-1].id) if len(rows) == limit else None
    if as_json:
        answer = {"accounts": [shown(row) for row in rows], "next": following}
        text.as_json(answer | {"looked_through": LOOKED_THROUGH if bounded else None})
        return
    titles = ("id", "address", "state", "name", "language", "registered")
    text.columns(titles, ((row.id, row.email, _state(row), row.name, row.locale, iso(row.created_at)) for row in rows))
    if following is not None:
        print(f"older ones: --before {following}")
    if bounded:
        text.complain(f"looked through the newest {LOOKED_THROUGH:,} accounts; a whole address is found among all.")


@accounts_cli.command("show")
def show(
    which: Annotated[str, typer.Argument(help="The account's id, or its address.")], as_json: Json = False
) -> None:
    """Show one account with its messages, sessions, suppressions, changes of address, and what operators did."""
    settings = Settings.load()
    with failing(_NO_SUCH):
        seen = asyncio.run(_seen(settings, which))
    if as_json:
        text.as_json(_plain(seen))
        return
    about = shown(seen.account) | {"state": _state(seen.account), "registrations_waiting": seen.registrations or None}
    text.pairs((name.replace("_", " "), value) for name, value in about.items())
    _table("messages", seen.messages, ("id", "created_at", "state", "reason", "template"))
    _table("sessions", seen.sessions, ("id", "created_at", "seen_at", "network", "agent"))
    _table("suppressions", seen.suppressions, ("id", "created_at", "scope", "reason", "source", "detail"))
    _table("changes of address", seen.changes, ("old_email", "new_email", "created_at", "confirmed_at", "undone_at"))
    _table("what operators did", seen.deeds, ("at", "actor", "action", "result", "reason"))


@accounts_cli.command("correct-address")
def correct_address(
    id: AccountId,
    address: Annotated[str, typer.Argument(help="The address its owner meant.")],
    reason: Why = None,
    as_json: Json = False,
) -> None:
    """Correct the address of an account that nobody verified, and have the new one verified."""
    done = _act(id, Change.CORRECT_ADDRESS, reason, email=address)
    _say(done, f"the address is {done['account']['email']}", as_json=as_json)


@accounts_cli.command("start-reset")
def start_reset(id: AccountId, reason: Why = None, as_json: Json = False) -> None:
    """Have its owner sent a reset of the password, as if the owner had asked for it."""
    _say(_act(id, Change.START_RESET, reason), "its owner is sent a reset", as_json=as_json)


@accounts_cli.command("end-sessions")
def end_sessions(
    id: AccountId,
    session: Annotated[uuid.UUID | None, typer.Option(help="Only this one, as `accounts show` prints it.")] = None,
    reason: Why = None,
    as_json: Json = False,
) -> None:
    """End one session of an account, or all of them."""
    which = {} if session is None else {"session": str(session)}
    done = _act(id, Change.END_SESSIONS, reason, **which)
    _say(done, "all sessions are ended" if session is None else f"the session {session} is ended", as_json=as_json)


@accounts_cli.command("disable")
def disable(id: AccountId, reason: Why = None, as_json: Json = False) -> None:
    """Let nobody sign in to an account, and write nothing to its owner."""
    _say(_act(id, Change.DISABLE, reason), "disabled", as_json=as_json)


@accounts_cli.command("enable")
def enable(id: AccountId, reason: Why = None, as_json: Json = False) -> None:
    """Let its owner sign in again."""
    _say(_act(id, Change.ENABLE, reason), "enabled", as_json=as_json)


def _act(id: uuid.UUID, change: Change, reason: str | None, **values: str) -> dict[str, Any]:
    hints = Hints(
        look=f"look with `gatepost accounts show {id}`", instead="The routes under /accounts do the same over HTTP"
    )
    wish = {"account": str(id), "action": str(change), "reason": reason, **values}
    missing = "the account has no such session." if "session" in values else _NO_SUCH
    with failing(missing):
        return asyncio.run(perform(Settings.load(), "account", wish, hints=hints))


def _say(done: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        text.as_json(done)
        return
    print(text.printable(f"{done['account']['id']}: {sentence}"))
    if done.get("withheld") is not None:
        text.complain(f"no mail goes out: message {done['message']} says {done['withheld']}.")
    elif "message" in done:
        print(f"message {done['message']}")


def _state(row: AccountRow) -> str:
    if row.deleted_at is not None:
        return "deleted"
    if row.disabled_at is not None:
        return "disabled"
    return "not verified" if row.verified_at is None else "verified"


def _table(what: str, rows: Sequence[Any], names: Sequence[str]) -> None:
    if rows:
        print(f"\n{what}")
        titles = [name.removesuffix("_at").replace("_", " ") for name in names]
        text.columns(titles, ([_value(name, getattr(row, name)) for name in names] for row in rows))


def _plain(seen: AccountSeen) -> dict[str, Any]:
    about = {"account": shown(seen.account), "registrations_waiting": seen.registrations}
    suppressions = [shown_suppression(row) for row in seen.suppressions]
    lists = ("messages", "sessions", "changes", "deeds")
    return about | {"suppressions": suppressions} | {name: [*map(_row, getattr(seen, name))] for name in lists}


def _row(row: Any) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in asdict(row).items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return iso(value) if (name == "at" or name.endswith("_at")) and value is not None else value


async def _seen(settings: Settings, which: str) -> AccountSeen:
    known, now_ms = _known(settings), SystemClock().now_ms()
    rows, bounded = await _read(settings, partial(find_accounts, text=which, limit=1))
    if bounded or not rows or not which.strip():
        raise NoSuchAccount("no account has this id or this address")
    return await _read(settings, partial(see, account_id=rows[0].id, known=known, now_ms=now_ms))


def _known(settings: Settings) -> Known:
    """Where there is no secret key yet, nothing is hidden under one, and a look makes none."""
    has_keys = bool(settings.secret_keys) or (settings.data_folder / FILE_NAME).exists()
    return Known(
        build_keys(settings).hidden_addresses if has_keys else lambda _: [],
        build_hiding(settings).forms if has_keys or settings.suppression_key else lambda key: [key],
        settings.session_idle_s,
    )


async def _read(settings: Settings, query: Work[T]) -> T:
    database = await open_for_reading(settings.database_url)
    try:
        return await database.read(query)
    finally:
        await database.close()
