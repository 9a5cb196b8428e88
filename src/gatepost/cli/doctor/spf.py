"""SPF (RFC 7208) of the domain in the return path: one record, that can be evaluated, and says something of others."""

import re

from gatepost.cli.doctor.finding import Finding, ok, warning, wrong
from gatepost.cli.doctor.records import Lookup

MAX_LOOKUPS = 10  # RFC 7208, 4.6.4: beyond, receivers stop and the record counts as broken
_VERSION = re.compile(r"v=spf1( |$)", re.IGNORECASE)
_ASKS = re.compile(r"[+?~-]?(?P<kind>include|a|mx|ptr|exists)(?P<rest>[:/].*)?", re.IGNORECASE)
_FOLLOWS = re.compile(r"redirect=(?P<domain>\S+)", re.IGNORECASE)
_ALL = re.compile(r"(?P<sign>[+?~-]?)all", re.IGNORECASE)


class _Broken(Exception):
    """A record that cannot be evaluated; the text says why."""


async def examine_spf(lookup: Lookup, domain: str) -> Finding:
    """Look at the record of a domain.

    Raises:
        LookupFailed: nobody knows.
    """
    check = f"SPF of {domain}"
    records = await _records(lookup, domain)
    if not records:
        return wrong(
            check, "there is no record", f'Publish TXT {domain} "v=spf1 include:… -all", as your mail provider says.'
        )
    try:
        record = _only(domain, records)
        asked = await _count(lookup, record, 0)
    except _Broken as why:
        return wrong(check, str(why), "Receivers treat it as none: correct it.")
    sign = _sign_of_all(record)
    if sign in ("+", "?", None) and not _FOLLOWS.search(record):
        said = {"+": "it lets everybody send", "?": "it says nothing of others"}.get(sign or "", "it does not end")
        return warning(check, f"{said}: {record}", "End it with -all, or ~all while you watch.")
    return ok(check, f"{record} ({asked} of {MAX_LOOKUPS} lookups)")


async def _records(lookup: Lookup, domain: str) -> list[str]:
    return [text for text in await lookup.texts(domain) if _VERSION.match(text)]


def _only(domain: str, records: list[str]) -> str:
    if len(records) > 1:
        raise _Broken(f"{domain} has {len(records)} records, and may have one")
    if not records:
        raise _Broken(f"{domain}, which it includes, has no record")
    return records[0]


async def _count(lookup: Lookup, record: str, asked: int) -> int:
    """Count what a receiver would have to ask DNS, as far as the bound."""
    for term in record.split()[1:]:
        mechanism, follows = _ASKS.fullmatch(term), _FOLLOWS.fullmatch(term)
        if mechanism is None and follows is None:
            continue
        asked += 1
        if asked > MAX_LOOKUPS:
            raise _Broken(f"it needs more than {MAX_LOOKUPS} lookups")
        into = follows["domain"] if follows else _included(mechanism)
        if into and "%" not in into:  # a macro: nobody knows before there is a mail
            asked = await _count(lookup, _only(into, await _records(lookup, into)), asked)
    return asked


def _included(mechanism: re.Match[str] | None) -> str:
    if mechanism is None or mechanism["kind"].lower() != "include":
        return ""
    domain = (mechanism["rest"] or "").removeprefix(":")
    if not domain:
        raise _Broken("it includes nothing")
    return domain


def _sign_of_all(record: str) -> str | None:
    signs = [match["sign"] or "+" for term in record.split() if (match := _ALL.fullmatch(term))]
    return signs[0] if signs else None
