"""Reads the settings that are URLs and addresses. Pure; a refusal is a ValueError and never repeats the value."""

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from email_validator import EmailNotValidError, validate_email

from gatepost.settings.parsing import items, text

# RFC 5321, 4.5.3.1.1: 64 in all, and a + with the id of a message, and what proves it, comes behind.
MAX_RETURN_PATH_LOCAL_PART = 20
_SENDER = re.compile(r"(?:(?P<name>[^<>]*)<(?P<named>[^<>]+)>|(?P<bare>[^<>]+))")
_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]+(?:%\w+)?")
_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://")
_HOST_AND_PORT = re.compile(r"(?:[\w.%-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?", re.ASCII)
# Options of libpq's URLs; asyncpg would hand them to the server, which knows them even less.
_UNKNOWN_TO_ASYNCPG = {
    *("channel_binding", "connect_timeout", "gssencmode", "hostaddr", "load_balance_hosts", "require_auth"),
    *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "sslcompression", "sslsni"),
}
_NO_URL = "is not a URL; check host, port and the %-encoding of special characters"


def split(url: str) -> SplitResult:
    """Split a URL.

    Raises:
        ValueError: it cannot be split. The standard library's own texts quote the user name and password; ours do not.
    """
    parts = _split_unchecked(url)
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(_NO_URL) from None
    return parts


def _split_unchecked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or not url.isprintable() or any(character.isspace() for character in url):
        raise ValueError(_NO_URL)
    return parts


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine: localhost, a name under it, 127.0.0.0/8 or ::1."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """Write a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def host(value: object) -> str:
    """Read the address or name to listen on."""
    name = text(value).removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(name):
        raise ValueError("must be an address or a host name such as 127.0.0.1 or 0.0.0.0, without scheme and port")
    return name


def web_url(value: object) -> str:
    """Read an http or https URL that a path or a query can be added to; its trailing slash is cut off."""
    url = text(value)
    parts = split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with https:// (or http:// on this machine) and name a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if "?" in url or "#" in url:
        raise ValueError("must end after the path: the token is added as ?token=…")
    return url.rstrip("/")


def optional_web_url(value: object) -> str | None:
    """Read a web URL, or None."""
    return None if value is None else web_url(value)


def origins(value: object) -> tuple[str, ...]:
    """Read origins: https://app.example.com, without a path."""
    found = []
    for item in items(value):
        url = web_url(item)
        if urlsplit(url).path:
            raise ValueError("must hold origins, without a path: https://app.example.com")
        found.append(url.lower())
    return tuple(found)


def is_safe(url: str) -> bool:
    """Say whether a token in this URL stays secret on its way: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def points_here(url: str) -> bool:
    """Say whether the URL's host is this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def database_url(value: object) -> str:
    """Read sqlite:///relative, sqlite:////absolute or postgresql://host/database, with several hosts if need be."""
    url = text(value)
    if url.startswith(_SQLITE):
        path = url.removeprefix(_SQLITE)
        if not path or path.endswith("/") or path == ":memory:" or "?" in path:
            raise ValueError("must name a file: sqlite:///var/gatepost.db or sqlite:////absolute/path.db")
        return url
    if url.startswith(_POSTGRESQL):
        return _postgresql_url(url)
    if url.startswith(("postgresql+", "postgres+")):
        raise ValueError("must begin with postgresql://, without a driver's name")
    raise ValueError("must begin with sqlite:/// (three slashes, then the path) or postgresql://")


def _postgresql_url(url: str) -> str:
    parts = _split_unchecked(url)
    hosts = parts.netloc.rpartition("@")[2]
    options = dict(parse_qsl(parts.query))
    named = options.keys() & {"dbname", "database"} or parts.path.strip("/")
    if not (hosts or options.get("host")) or not named:
        raise ValueError(
            "must name a host and a database: postgresql://user:password@host:5432/database, or"
            " postgresql:///database?host=/run/postgresql for a socket on this machine"
        )
    if not all(_HOST_AND_PORT.fullmatch(host) for host in hosts.split(",") if hosts):
        raise ValueError(_NO_URL)
    if unknown := sorted(options.keys() & _UNKNOWN_TO_ASYNCPG):
        raise ValueError(f"must not have {', '.join(unknown)} after the ?: asyncpg does not know it")
    return "postgresql://" + url.split("://", 1)[1]


def database_file(url: str) -> Path | None:
    """Name the SQLite file, None for another database."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def masked_url(url: str) -> str:
    """Write a URL with user name and password masked."""
    parts = urlsplit(url)
    login, at, host_and_port = parts.netloc.rpartition("@")
    query = "?***" if parts.query else ""  # it may hold a password too
    return f"{parts.scheme}://{'***' if login else ''}{at}{host_and_port}{parts.path}{query}"


def product_name(value: object) -> str:
    """Read the name people know the product by."""
    name = text(value)
    if not 1 <= len(name) <= 80 or "<" in name or ">" in name:
        raise ValueError("must have 1 to 80 characters and no angle brackets")
    return name


def return_path(value: object) -> str | None:
    """Read an address before whose @-sign there is room for the id of a message, or None."""
    if value is None:
        return None
    address = text(value)
    local_part = address.rpartition("@")[0]
    if not _is_address(address) or not address.isascii() or "+" in local_part:
        raise ValueError("must be an ASCII address without a +, for example bounces@mail.acme.example")
    if len(local_part) > MAX_RETURN_PATH_LOCAL_PART:
        raise ValueError(f"must have at most {MAX_RETURN_PATH_LOCAL_PART} characters before the @-sign")
    return address


def sender(value: object) -> str:
    """Read `Name <address>` or an address; quotes around the name are dropped."""
    match = _SENDER.fullmatch(text(value))
    if match is None:
        raise ValueError("must be an address or Name <address>, for example Acme <hello@acme.example>")
    address = (match["named"] or match["bare"]).strip()
    if not _is_address(address):
        raise ValueError("holds no valid address, for example Acme <hello@acme.example>")
    name = (match["name"] or "").strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    if '"' in name:
        raise ValueError("has a quotation mark within the name; leave it out")
    return f"{name} <{address}>" if name else address


def domain_of(sender: str) -> str:
    """Return the domain of a sender that was read, as A-labels in lower case; empty where there is none."""
    domain = sender.rstrip(">").rpartition("@")[2].lower()
    try:
        return domain if domain.isascii() else validate_email(f"a@{domain}", check_deliverability=False).ascii_domain
    except EmailNotValidError:
        return ""


def _is_address(address: str) -> bool:
    local_part, _, domain = address.rpartition("@")
    if not local_part.isascii():
        return False  # not every server takes such a message
    # A name without a dot is fine on this machine only. `test_environment` means that names under .test are taken.
    checked = f"{local_part}@localhost.test" if domain == "localhost" else address
    try:
        validate_email(checked, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError:
        return False
    return True
