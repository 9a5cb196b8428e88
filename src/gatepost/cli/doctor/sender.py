"""What DNS says of the sender: SPF, DKIM, DMARC and where replies and bounces go."""

from collections.abc import Awaitable

from gatepost.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from gatepost.cli.doctor.records import Lookup, LookupFailed
from gatepost.cli.doctor.spf import examine_spf
from gatepost.mail import dkim_key
from gatepost.mail.headers import parse_sender
from gatepost.settings import Settings

_MAX_LABELS_UP = 5  # for DMARC: a domain without a record follows one above it


async def examine_sender(settings: Settings, lookup: Lookup) -> list[Finding]:
    """Look at the domains the mail is from. Bounded, and never raises."""
    domain = parse_sender(settings.sender).domain
    bounces_to = domain if settings.return_path is None else settings.return_path.rpartition("@")[2].lower()
    checks: list[tuple[str, Awaitable[Finding]]] = [
        ("SPF", examine_spf(lookup, bounces_to)),
        ("DKIM", _examine_dkim(lookup, settings, domain)),
        ("DMARC", _examine_dmarc(lookup, domain)),
        ("MX", _examine_mx(lookup, domain)),
    ]
    if bounces_to != domain:
        checks.append(("MX", _examine_mx(lookup, bounces_to)))
    return [await _told(name, checking) for name, checking in checks]


async def _told(name: str, checking: Awaitable[Finding]) -> Finding:
    try:
        return await checking
    except LookupFailed as why:
        return warning(name, f"nobody knows: {why}", "Ask another resolver with --resolver, or from another machine.")


async def _examine_dkim(lookup: Lookup, settings: Settings, domain: str) -> Finding:
    if settings.dkim_key is None or settings.dkim_selector is None:
        return skipped(
            "DKIM",
            "the mail server signs, or nobody does; which selector it uses is not known here",
            "Send yourself a mail with `gatepost send-test` and look for dkim=pass in its Authentication-Results.",
        )
    name = f"{settings.dkim_selector}._domainkey.{settings.dkim_domain or domain}"
    check = f"DKIM at {name}"
    try:
        algorithm, published = dkim_key.public_form(settings.dkim_key.read_bytes())
    except (OSError, ValueError) as why:
        return wrong(check, f"the key cannot be read: {why}", "See docs/how-to/sign-your-mail.md.")
    publish = f'Publish TXT {name} "v=DKIM1; k={algorithm}; p={published}".'
    records = [text for text in await lookup.texts(name) if "p=" in text]
    if not records:
        return wrong(check, "there is no record", publish)
    if len(records) > 1:
        return wrong(check, f"there are {len(records)} records, and may be one", publish)
    tags = tags_of(records[0])
    if not tags.get("p"):
        return wrong(check, "the record is revoked: its p= is empty", publish)
    if "".join(tags["p"].split()) != published:
        return wrong(check, "the record holds another key than GATEPOST_DKIM_KEY", publish)
    if tags.get("k", "rsa") != algorithm:
        return wrong(check, f"the record says k={tags.get('k', 'rsa')}, and the key is {algorithm}", publish)
    if "y" in tags.get("t", "").split(":"):
        return warning(check, "it says that you are testing (t=y)", "Take t=y out: receivers may ignore signatures.")
    return ok(check, f"it holds the key that signs ({algorithm})")


async def _examine_dmarc(lookup: Lookup, domain: str) -> Finding:
    labels = domain.split(".")
    for up in range(min(_MAX_LABELS_UP, max(1, len(labels) - 1))):
        name = "_dmarc." + ".".join(labels[up:])
        records = [text for text in await lookup.texts(name) if tags_of(text).get("v", "").upper() == "DMARC1"]
        if records:
            return _judged(f"DMARC at {name}", records)
    return wrong(
        f"DMARC of {domain}",
        "there is no record",
        f'Publish TXT _dmarc.{domain} "v=DMARC1; p=none; rua=mailto:…", read the reports, and go on to quarantine.',
    )


def _judged(check: str, records: list[str]) -> Finding:
    if len(records) > 1:
        return wrong(check, f"there are {len(records)} records, and may be one", "Receivers ignore all of them.")
    tags = tags_of(records[0])
    policy = tags.get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return wrong(check, f"its p= is {policy or 'missing'}", "Say p=none, p=quarantine or p=reject.")
    if policy == "none" and not tags.get("rua"):
        return warning(check, "p=none without rua: it asks for nothing and tells nobody", "Add rua=mailto:….")
    return ok(check, records[0])


async def _examine_mx(lookup: Lookup, domain: str) -> Finding:
    check = f"MX of {domain}"
    servers = await lookup.mail_servers(domain)
    if any(not name for _, name in servers):
        return wrong(
            check,
            "it says that it takes no mail",
            "Replies and bounces are lost, and some servers refuse such a sender.",
        )
    if not servers:
        if await lookup.has_address(domain):
            return warning(check, "there is none; mail goes to the address of the domain", "Publish an MX record.")
        return wrong(
            check,
            "there is none, and no address either",
            "Publish one: replies and bounces are lost, and many servers refuse a sender that cannot be answered.",
        )
    for _, name in servers:
        if await lookup.has_address(name):
            return ok(check, ", ".join(name for _, name in servers))
    return wrong(check, f"no address for {', '.join(name for _, name in servers)}", "Correct the names.")


def tags_of(record: str) -> dict[str, str]:
    """Read a list of tags (RFC 6376, 3.2): the first of each name counts."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found
