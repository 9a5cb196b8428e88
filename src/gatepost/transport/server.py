"""Where a submission server is and how it is talked to."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gatepost.errors import SettingsError

Tls = Literal["none", "starttls", "implicit"]
Mechanism = Literal["password", "xoauth2"]


@dataclass(frozen=True)
class Server:
    """One submission server.

    Args:
        host: name or address; with TLS its certificate must be for this.
        port: 1 to 65535; 0 is no port.
        username: for AUTH, None for none.
        password: for AUTH; never part of `repr`.
        tls: "starttls" (required, RFC 3207), "implicit" (RFC 8314) or "none".
        mechanism: "password" for AUTH PLAIN or LOGIN; "xoauth2" when the password is an OAuth 2.0 access token.
        token_file: the token is read from here for each new connection, instead of from `password`.
        rate: messages a second, None for as many as it takes.

    Raises:
        SettingsError: a password without TLS to another machine, or a rate of nothing.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls = "starttls"
    mechanism: Mechanism = "password"
    token_file: Path | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.username is not None and self.tls == "none" and not is_loopback(self.host):
            raise SettingsError(
                f"SMTP_URL: the password for {self.name} would travel unencrypted; "
                "use smtp:// with STARTTLS or smtps://, without TLS only on loopback"
            )

        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise SettingsError(f"SMTP_URL: the rate of {self.name} must be more than 0 messages a second")

    @property
    def name(self) -> str:
        """`host:port` for logs and replies."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine, without asking DNS."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
