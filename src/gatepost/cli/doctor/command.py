"""Runs every check, one after the other, and prints what each found. A check that breaks is a finding, too."""

import asyncio
import importlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from typing import Annotated

import typer

from gatepost.cli import text
from gatepost.cli.doctor.database import examine_database
from gatepost.cli.doctor.finding import Finding, Verdict, ok, skipped, warning, wrong
from gatepost.cli.doctor.machine import examine_clock, examine_disk
from gatepost.cli.doctor.records import Lookup, LookupFailed
from gatepost.cli.doctor.sender import examine_sender
from gatepost.cli.doctor.servers import examine_servers
from gatepost.cli.leaving import FAILED
from gatepost.clock import SystemClock
from gatepost.errors import SettingsError
from gatepost.settings import Settings

CHECK_TIMEOUT_S = 90.0

_ADDRESS = re.compile(r"(?P<address>[\d.]+|\[[\da-fA-F:.]+\]):(?P<port>\d{1,5})")

Check = Callable[[], Awaitable[list[Finding]]]


def examine(
    resolver: Annotated[
        str | None, typer.Option(help="Ask this DNS server, ADDRESS or ADDRESS:PORT, instead of the machine's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at everything that keeps mail from going out or arriving, and say what to do; nothing is changed or sent."""
    server = None if resolver is None else _address(resolver)
    found = asyncio.run(_examine(server))
    is_wrong = any(one.verdict is Verdict.WRONG for one in found)
    if as_json:
        text.as_json({"ok": not is_wrong, "findings": [asdict(one) for one in found]})
    else:
        _say(found)
    if is_wrong:
        raise typer.Exit(FAILED)


async def _examine(server: tuple[str, int] | None) -> list[Finding]:
    try:
        settings = Settings.load()
    except SettingsError as refusal:
        return [
            wrong("settings", problem, "Correct it; nothing else can be looked at.") for problem in refusal.problems
        ]
    now_ms = SystemClock().now_ms()

    async def disk() -> list[Finding]:
        return await asyncio.to_thread(examine_disk, settings)

    async def clock() -> list[Finding]:
        return examine_clock(time.time())

    async def sender() -> list[Finding]:
        return await _sender(settings, server)

    checks: Sequence[tuple[str, Check]] = (
        ("database", lambda: examine_database(settings, now_ms)),
        ("disk", disk),
        ("clock", clock),
        ("mail server", lambda: examine_servers(settings)),
        ("sender", sender),
    )
    found = _settings(settings)
    for name, check in checks:
        found += await _bounded(name, check)
    return found


async def _bounded(name: str, check: Check) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except TimeoutError:
        return [wrong(name, f"it took longer than {CHECK_TIMEOUT_S:g} s", "Look at the network, or at the disk.")]
    except Exception as error:  # whatever it is, the other checks are worth more than a traceback
        return [wrong(name, f"it could not be looked at: {error!r}", "This is a bug of Gatepost: please report it.")]


def _settings(settings: Settings) -> list[Finding]:
    warnings = [warning("settings", one, "See docs/reference/settings.md.") for one in settings.warnings]
    given = sum(source != "default" for source in settings.sources.values())
    return [ok("settings", f"{given} are set, and all of them are known ({settings.environment})"), *warnings]


async def _sender(settings: Settings, server: tuple[str, int] | None) -> list[Finding]:
    if not settings.smtp_url:
        return [skipped("sender", "no mail leaves this machine")]
    try:
        lookup: Lookup = importlib.import_module("gatepost.cli.doctor.dns_lookup").DnsLookup(*(server or ()))
    except LookupFailed as why:
        return [warning("sender", str(why), "Name a DNS server with --resolver.")]
    return await examine_sender(settings, lookup)


def _say(found: Sequence[Finding]) -> None:
    for one in found:
        print(text.printable(f"{one.verdict:8} {one.check}: {one.found}"))
        if one.advice:
            print(text.printable(f"{'':8} → {one.advice}"))
    counts = {verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict}
    print(f"\n{counts[Verdict.WRONG]} wrong, {counts[Verdict.WARNING]} to look at, {counts[Verdict.OK]} ok")


def _address(resolver: str) -> tuple[str, int]:
    """Read ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT."""
    match = _ADDRESS.fullmatch(resolver)
    address, port = (resolver, "53") if match is None else (match["address"].strip("[]"), match["port"])
    try:
        return str(ip_address(address)), int(port)
    except ValueError:
        raise typer.BadParameter(f"{resolver} is no IP address, with or without a :PORT behind it.") from None
