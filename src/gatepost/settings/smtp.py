"""Submission servers as SMTP_URL names them. Pure; a refusal is a ValueError and never repeats the value."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

from pydantic import SecretStr

from gatepost.settings.parsing import text
from gatepost.settings.urls import in_url, is_loopback, split

Tls = Literal["none", "starttls", "implicit"]
Mechanism = Literal["password", "xoauth2"]

_EXAMPLE = "smtp://user:password@mail.example.com:587"
_XOAUTH2_EXAMPLE = "smtp://user%40example.com@mail.example.com:587?auth=xoauth2&token_file=/run/token"
_RATE_EXAMPLE = "smtp://user:password@mail.example.com:587?rate=20"
_RATE = re.compile(r"\d{1,6}(\.\d{1,3})?", re.ASCII)
_DEFAULT_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314

_TOO_MUCH = (
    "has something after host and port that is none of auth=xoauth2, token_file=… and rate=…;"
    " in user name and password write / as %2F, ? as %3F, # as %23, @ as %40"
)

# Between servers only: a comma in an unencoded password does not split.
_BETWEEN_SERVERS = re.compile(r"\s*,\s*(?=[a-zA-Z][a-zA-Z0-9+.-]*://)")


@dataclass(frozen=True)
class SmtpServer:
    """One submission server (RFC 6409).

    Args:
        host: name or address, without brackets.
        port: 1 to 65535.
        username: for AUTH, None for none. Not shown in repr: some providers put a secret there.
        password: for AUTH, an access token with "xoauth2"; None without `username` and with `token_file`.
        tls: "none" on loopback only, "starttls" (required, never optional) or "implicit".
        mechanism: "password" for AUTH PLAIN or LOGIN, "xoauth2" for an OAuth 2.0 access token.
        token_file: absolute; where the access token stands when it is not `password`.
        rate: messages a second, None for as many as the server takes.
    """

    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: SecretStr | None = field(default=None, repr=False)
    tls: Tls = "starttls"
    mechanism: Mechanism = "password"
    token_file: Path | None = None
    rate: float | None = None

    @property
    def masked_url(self) -> str:
        """The server as a URL, for people: user name and password masked."""
        scheme = "smtps" if self.tls == "implicit" else "smtp"
        login = "" if self.username is None else "***@" if self.password is None else "***:***@"
        options = [
            *([] if self.mechanism == "password" else [f"auth={self.mechanism}"]),
            *([] if self.token_file is None else [f"token_file={quote(str(self.token_file))}"]),
            *([] if self.rate is None else [f"rate={self.rate:.9g}"]),
        ]
        return f"{scheme}://{login}{in_url(self.host)}:{self.port}{'?' if options else ''}{'&'.join(options)}"


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
    if parts.path.strip("/") or "#" in url:
        raise ValueError(_TOO_MUCH)
    if not parts.hostname or parts.port == 0:
        raise ValueError(f"must name a host and a port from 1 to 65535, for example {_EXAMPLE}")
    options = _options(parts.query) if "?" in url else {}
    token_file = _token_file(options.get("token_file"))
    username, password = _credentials(parts.username, parts.password, "auth" in options, token_file)
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or _DEFAULT_PORTS[parts.scheme],
        username=username,
        password=password,
        tls="implicit" if parts.scheme == "smtps" else "none" if is_loopback(parts.hostname) else "starttls",
        mechanism="xoauth2" if "auth" in options else "password",
        token_file=token_file,
        rate=_rate(options.get("rate")),
    )


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name not in ("auth", "token_file", "rate") or name in options:
            raise ValueError(_TOO_MUCH)
        options[name] = _decoded(value, name)
    if options.get("auth", "xoauth2") != "xoauth2" or ("token_file" in options and "auth" not in options):
        raise ValueError(f"may have auth=xoauth2 after the ?, and then token_file=…, for example {_XOAUTH2_EXAMPLE}")
    return options


def _token_file(path: str | None) -> Path | None:
    if path is None:
        return None
    if not path.startswith("/"):
        raise ValueError(f"has a token_file that is no absolute path, for example {_XOAUTH2_EXAMPLE}")
    return Path(path)


def _rate(value: str | None) -> float | None:
    if value is None:
        return None
    if not _RATE.fullmatch(value) or not float(value):
        raise ValueError(f"has a rate that is no number of messages a second above 0, for example {_RATE_EXAMPLE}")
    return float(value)


def _credentials(
    username: str | None, password: str | None, by_token: bool, token_file: Path | None
) -> tuple[str | None, SecretStr | None]:
    if by_token and (not username or bool(password) is (token_file is not None)):
        raise ValueError(
            "must, with auth=xoauth2, hold a user name and either the access token in the password's place"
            f" or a token_file, for example {_XOAUTH2_EXAMPLE}"
        )
    if username is None and password is None:
        return None, None
    if not username or not (password or token_file):
        raise ValueError(f"must hold both user name and password, or neither, for example {_EXAMPLE}")
    name, secret = _decoded(username, "user name"), _decoded(password or "", "password")
    if by_token and not secret.isascii():
        raise ValueError("has an access token with characters that are not ASCII")
    return name, SecretStr(secret) if password else None


def _decoded(part: str, what: str) -> str:
    try:
        decoded = unquote(part, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if not decoded.isprintable():
        raise ValueError(f"has a {what} whose %-encoding is no printable text; encode it as UTF-8")
    return decoded
