"""`gatepost export` and `gatepost erase`: everything that is stored about one address, written out or gone."""

import asyncio
import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from gatepost.cli import text
from gatepost.cli.leaving import FAILED, failing
from gatepost.cli.operating import Hints, perform
from gatepost.cli.progress import progress
from gatepost.clock import SystemClock, iso
from gatepost.database.opening import Reader, open_for_reading
from gatepost.mail.address import parse_address
from gatepost.parts import build_hiding, build_keys
from gatepost.person.export import about, messages_after
from gatepost.person.find import NOBODY, Whose, count_messages, find_account
from gatepost.settings import Settings
from gatepost.settings.development import FILE_NAME

Address = Annotated[str, typer.Argument(help="Whose.")]
_HINTS = Hints(look="run it again: it goes on where it ended")


def export_person(address: Address) -> None:
    """Print everything that is stored about an address, as JSON."""
    asyncio.run(_export(Settings.load(), address))


def erase_person(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only what there is to erase is printed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase everything that is stored about an address, for good."""
    settings = Settings.load()
    if not yes:
        asyncio.run(_count(settings, address, as_json=as_json))
        raise typer.Exit(FAILED)
    with failing(""), progress("erasing"):
        done = asyncio.run(perform(settings, "erase", {"address": address}, hints=_HINTS))
    if as_json:
        text.as_json(done)
    else:
        _say(done)
    _complain(done)
    if done["in_flight"] or done["more"]:
        raise typer.Exit(FAILED)


def _say(done: dict[str, Any]) -> None:
    print(f"erased: {done['accounts']} accounts, {done['messages']} messages, and what else there was")
    for other in done["other_addresses"]:
        print(text.printable(f"the account also had or wanted {other}: erase that too if it is the same person's"))


def _complain(done: dict[str, Any]) -> None:
    if done["in_flight"]:
        text.complain(f"{done['in_flight']} messages are being handed over at this moment: run it again in a minute.")
    elif done["more"]:
        text.complain("there is more: run it again.")
    if done["left"] is not None:
        text.complain(f"{done['left']}.")


async def _count(settings: Settings, address: str, *, as_json: bool) -> None:
    whose = _whose(settings, address)
    database = await open_for_reading(settings.database_url)
    try:
        account = await database.read(partial(find_account, whose=whose))
        account_id = None if account is None else account.id
        total, _ = await database.read(partial(count_messages, whose=whose, account_id=account_id))
    finally:
        await database.close()
    if as_json:
        text.as_json({"account": account_id and str(account_id), "messages": total})
    else:
        print(f"{'an account' if account else 'no account'} and {total} messages; `gatepost export` shows them.")
    text.complain("nothing was erased: say --yes to erase them, and what else there is, for good.")


async def _export(settings: Settings, address: str) -> None:
    whose = _whose(settings, address)
    database = await open_for_reading(settings.database_url)
    try:
        with progress("exporting", while_printing=True) as show:
            await _print(database, whose, show)
    finally:
        await database.close()


async def _print(database: Reader, whose: Whose, show: Callable[[float], None]) -> None:
    """Print page after page: who stands in a hundred thousand messages need not fit into memory."""
    head = {"exported_at": iso(SystemClock().now_ms()), **await database.read(partial(about, whose=whose))}
    print(json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "messages": [', end="")
    account = head["account"]
    account_id = None if account is None else uuid.UUID(account["id"])
    total, _ = await database.read(partial(count_messages, whose=whose, account_id=account_id))
    after: uuid.UUID | None = NOBODY
    printed, comma = 0, ""
    while after is not None:
        page, after = await database.read(partial(messages_after, whose=whose, after=after))
        for message in page:
            print(comma + "\n" + json.dumps(message, indent=2), end="")
            comma = ","
        printed += len(page)
        show(min(1.0, printed / total) if total else 1.0)
    print("\n  ]\n}")


def _whose(settings: Settings, address: str) -> Whose:
    """Every form of the address; where there is no secret key yet, nothing is hidden under one."""
    parsed = parse_address(address)
    has_keys = bool(settings.secret_keys) or (settings.data_folder / FILE_NAME).exists()
    hidden = build_keys(settings).hidden_addresses(parsed.key) if has_keys else []
    forms = build_hiding(settings).forms(parsed.key) if has_keys or settings.suppression_key else [parsed.key]
    return Whose(parsed.text, parsed.key, hidden, forms)
