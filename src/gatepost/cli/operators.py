"""`gatepost operator`: says who may open the operators' pages.

A password is asked for at a terminal or read from standard input, never taken from the command line, where every user
of the machine reads it. It is hashed here: only the hash goes to the service.
"""

import asyncio
import json
import sys
from functools import partial
from typing import Annotated, Any

import typer

from gatepost.accounts.password_policy import PasswordPolicy
from gatepost.accounts.passwords import MAX_PASSWORD_CHARACTERS
from gatepost.cli import text
from gatepost.cli.leaving import failing
from gatepost.cli.operating import Hints, perform
from gatepost.clock import SystemClock, iso
from gatepost.database.opening import open_for_reading
from gatepost.errors import InvalidInput, LastOwner
from gatepost.operators.operator import clean_name, shown
from gatepost.operators.people import Listed, list_operators
from gatepost.operators.role import Role
from gatepost.parts import build_passwords
from gatepost.settings import Settings

operator_cli = typer.Typer(
    no_args_is_help=True,
    help="Say who may open the operators' pages, beside a running service or without one.",
)

Name = Annotated[str, typer.Argument(help="What they sign in with.")]
Why = Annotated[str | None, typer.Option("--reason", help="Why; kept with what was done, at most 500 characters.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it even if no owner is left.")]
_HINTS = Hints(look="look with `gatepost operator list`")
_NO_SUCH = "there is no operator of the name {}; `gatepost operator list` lists them."
_LONGEST_LINE = MAX_PASSWORD_CHARACTERS + 2  # a longer one is refused by its length, and not read to its end


@operator_cli.command("add")
def add_operator(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do.")],
    password_stdin: FromInput = False,
    reason: Why = None,
    as_json: Json = False,
) -> None:
    """Add an operator; the first one opens the operators' pages."""
    settings = Settings.load()
    hashed = _new_hash(settings, clean_name(name), from_input=password_stdin)
    values = {"name": name, "role": str(role), "password_hash": hashed, "reason": reason}
    with failing(""):
        added = asyncio.run(perform(settings, "add_operator", values, hints=_HINTS))
    _say(added, f"may sign in as {added['role']} at {settings.public_url}/admin", as_json=as_json)


@operator_cli.command("list")
def list_all(as_json: Json = False) -> None:
    """List the operators, by name."""
    found = asyncio.run(_read(Settings.load()))
    if as_json:
        rows = [shown(one.operator) | {"sessions": one.sessions, "seen_at": _instant(one.seen_at)} for one in found]
        print(json.dumps({"operators": rows}, indent=2))
        return
    text.columns(
        ("name", "role", "state", "sessions", "last seen", "added"),
        (
            (
                one.operator.name,
                one.operator.role,
                "active" if one.operator.disabled_at is None else "disabled",
                one.sessions,
                _instant(one.seen_at),
                iso(one.operator.created_at),
            )
            for one in found
        ),
    )


@operator_cli.command("role")
def set_role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
    yes: Yes = False,
    reason: Why = None,
    as_json: Json = False,
) -> None:
    """Give an operator another role."""
    done = _change(name, "role", reason, role=str(role), even_the_last_owner=yes)
    _say(done, f"has the role {done['role']}", as_json=as_json)


@operator_cli.command("password")
def set_password(name: Name, password_stdin: FromInput = False, reason: Why = None, as_json: Json = False) -> None:
    """Give an operator another password; every session of theirs ends."""
    hashed = _new_hash(Settings.load(), clean_name(name), from_input=password_stdin)
    done = _change(name, "password", reason, password_hash=hashed)
    _say(done, "has the new password, and every session is ended", as_json=as_json)


@operator_cli.command("disable")
def disable_operator(name: Name, yes: Yes = False, reason: Why = None, as_json: Json = False) -> None:
    """Let an operator in no more; every session of theirs ends."""
    _say(_change(name, "disable", reason, even_the_last_owner=yes), "is disabled", as_json=as_json)


@operator_cli.command("enable")
def enable_operator(name: Name, reason: Why = None, as_json: Json = False) -> None:
    """Let an operator sign in again."""
    _say(_change(name, "enable", reason), "may sign in", as_json=as_json)


@operator_cli.command("end-sessions")
def end_sessions(name: Name, reason: Why = None, as_json: Json = False) -> None:
    """End every session of an operator."""
    _say(_change(name, "end_sessions", reason), "is signed in nowhere", as_json=as_json)


def _change(name: str, change: str, reason: str | None, **values: Any) -> dict[str, Any]:
    wanted = {"name": name, "change": change, "reason": reason, **values}
    with failing(_NO_SUCH.format(name)):
        try:
            return asyncio.run(perform(Settings.load(), "change_operator", wanted, hints=_HINTS))
        except LastOwner as refusal:
            raise LastOwner(f"{refusal}: say --yes if nobody shall own this any more") from None


def _say(operator: dict[str, Any], what: str, *, as_json: bool) -> None:
    print(json.dumps({"operator": operator}, indent=2) if as_json else f"{operator['name']} {what}")


def _new_hash(settings: Settings, name: str, *, from_input: bool) -> str:
    """Ask for a new password, and hash it where it was typed."""
    policy = PasswordPolicy(settings.password_min_length, settings.product_name, settings.password_min_score)
    password = _read_line() if from_input else _ask(name)
    if (problem := policy.problem(password, (name,))) is not None:
        raise InvalidInput([problem])
    passwords = build_passwords(settings)
    try:
        return asyncio.run(passwords.hash(password))
    finally:
        passwords.close()


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --password-stdin, and write the password there.")
    password: str = typer.prompt(f"New password of {name}", hide_input=True, confirmation_prompt="Once more", err=True)
    return password


def _read_line() -> str:
    return sys.stdin.readline(_LONGEST_LINE).removesuffix("\n").removesuffix("\r")


async def _read(settings: Settings) -> list[Listed]:
    database = await open_for_reading(settings.database_url)
    try:
        now_ms = SystemClock().now_ms()
        return await database.read(partial(list_operators, now_ms=now_ms, session_idle_s=settings.session_idle_s))
    finally:
        await database.close()


def _instant(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)
