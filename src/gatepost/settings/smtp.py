"""Submission servers as SMTP_URL names them. Pure; a refusal is a ValueError and never repeats the value."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from pydantic import SecretStr

from gatepost.settings.parsing import text
from gatepost.settings.urls import in_url, is_loopback, split

Tls = Literal["none", "starttls", "implicit"]

_EXAMPLE = "smtp://user:password@mail.example.com:587"
_DEFAULT_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314

# Between servers only: a comma in an unencoded password does not split.
_BETWEEN_SERVERS = re.compile(r"\s*,\s*(?=[a-zA-Z][a-zA-Z0-9+.-]*://)")


@dataclass(frozen=True)
class SmtpServer:
    """One submission server (RFC 6409).

    Args:
        host: name or address, without brackets.
        port: 1 to 65535.
        username: for AUTH, None for none. Not shown in repr: some providers put a secret there.
        password: for AUTH, None exactly when `username` is.
        tls: "none" on loopback only, "starttls" (required, never optional) or "implicit".
    """

    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: SecretStr | None = field(default=None, repr=False)
    tls: Tls = "starttls"

    @property
    def masked_url(self) -> str:
        """The server as a URL, for people: user name and password masked."""
        scheme = "smtps" if self.tls == "implicit" else "smtp"
        login = "" if self.username is None else "***:***@"
        return f"{scheme}://{login}{in_url(self.host)}:{self.port}"


def smtp_servers(value: object) -> tuple[SmtpServer, ...]:
    """Read one or several URLs with commas between them, in the order in which they are tried."""
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(item if isinstance(item, SmtpServer) else _server(text(item)) for item in value)
    return tuple(_server(url) for url in _BETWEEN_SERVERS.split(text(value)) if url)


def _server(url: str) -> SmtpServer:
    try:
        parts = split(url)
    except ValueError as refusal:
        raise ValueError(f"{refusal}, for example {_EXAMPLE}") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"must begin with smtp:// or smtps://, for example {_EXAMPLE}")
    if parts.path.strip("/") or "?" in url or "#" in url:
        raise ValueError(
            "has something after host and port; in user name and password write / as %2F, ? as %3F, # as %23, @ as %40"
        )
    if not parts.hostname or parts.port == 0:
        raise ValueError(f"must name a host and a port from 1 to 65535, for example {_EXAMPLE}")
    username, password = _credentials(parts.username, parts.password)
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or _DEFAULT_PORTS[parts.scheme],
        username=username,
        password=password,
        tls="implicit" if parts.scheme == "smtps" else "none" if is_loopback(parts.hostname) else "starttls",
    )


def _credentials(username: str | None, password: str | None) -> tuple[str | None, SecretStr | None]:
    if username is None and password is None:
        return None, None
    if not username or not password:
        raise ValueError(f"must hold both user name and password, or neither, for example {_EXAMPLE}")
    try:
        decoded = unquote(username, errors="strict"), unquote(password, errors="strict")
    except UnicodeDecodeError:
        decoded = ("\0", "\0")
    if not all(part.isprintable() for part in decoded):
        raise ValueError("has a user name or password whose %-encoding is no printable text; encode it as UTF-8")
    return decoded[0], SecretStr(decoded[1])
