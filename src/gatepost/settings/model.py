"""The settings as the rest of the product reads them: typed, checked, frozen."""

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr

from gatepost.errors import SettingsError
from gatepost.settings import rules, sources, urls
from gatepost.settings.smtp import SmtpServer
from gatepost.settings.table import BY_NAME, SETTINGS


class Row(NamedTuple):
    """One line of `gatepost config`: the variable's name, its value with secrets masked, and who set it."""

    name: str
    value: str
    source: str


class Settings(BaseModel):
    """Everything that can be set; docs/reference/settings.md says what each means.

    A host application may write `Settings(smtp_url="smtps://…", secret_keys="…")`: each argument takes the text the
    environment would hold, or the value itself, and goes through the same checks. `Settings()` is good for
    development. Nothing is read or written besides what the arguments say; see `load`.

    Raises:
        SettingsError: at once for every argument that is unknown, cannot be read or is unsafe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: Literal["development", "production"]
    public_url: str
    host: str
    port: int
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    database_url: str
    database_connections: int
    secret_keys: tuple[SecretStr, ...]
    suppression_key: SecretStr | None
    admin_token: SecretStr | None
    smtp_url: tuple[SmtpServer, ...]
    smtp_client: Literal["gatepost", "aiosmtplib"]
    sender: str
    return_path: str | None
    mail_headers: tuple[tuple[str, str], ...]
    dkim_key: Path | None
    dkim_selector: str | None
    dkim_domain: str | None
    product_name: str
    verify_url: str | None
    reset_url: str | None
    email_confirm_url: str | None
    email_undo_url: str | None
    welcome: Literal["at_registration", "at_verification", "off"]
    templates: Path | None
    logo: Path | None
    accent_color: str | None
    pages: Path | None
    reveal_accounts: bool
    password_min_length: int
    password_min_score: int
    argon2_memory_kib: int
    argon2_time_cost: int
    argon2_parallelism: int
    rate_limits: bool
    sign_up_alarm_per_hour: int
    session_idle_s: float
    session_lifetime_s: float
    return_origins: tuple[str, ...]
    deleted_kept_days: int
    unverified_kept_days: int
    messages_kept_days: int
    recipients_kept_days: int | None
    feedback_ses_topics: tuple[str, ...]
    feedback_postmark_login: SecretStr | None
    feedback_postmark_networks: tuple[IPv4Network | IPv6Network, ...]
    feedback_sendgrid_key: str | None
    feedback_mailgun_key: SecretStr | None
    feedback_resend_secrets: tuple[SecretStr, ...]
    feedback_standard_secrets: tuple[SecretStr, ...]
    feedback_window_s: int
    worker_slots: int
    attempt_timeout_s: float
    final_reply_timeout_s: float
    shutdown_grace_s: float

    _sources: dict[str, str] = PrivateAttr()
    _warnings: tuple[str, ...] = PrivateAttr()

    def __init__(self, found: sources.Found | None = None, /, **arguments: Any) -> None:
        if found is None:
            found = sources.Found()
            found.take(arguments, sources.ARGUMENT)
        draft = rules.Draft(found)
        rules.apply(draft)
        if draft.problems:
            raise SettingsError(*draft.problems)
        super().__init__(**draft.values)
        self._sources = draft.sources
        self._warnings = tuple(draft.warnings)

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] = os.environ,
        file: Path = Path("gatepost.toml"),
        command_line: Mapping[str, Any] = MappingProxyType({}),
    ) -> "Settings":
        """Read the settings of this process: command line, then environment, then file, then defaults.

        It makes no file: in development `secret_keys` may be empty, and the app calls `development_keys`.

        Args:
            environ: variables whose names begin with GATEPOST_ are settings; others are not looked at.
            file: TOML whose keys are the names in lower case, without the prefix; it may be missing.
            command_line: name → value; None means that the option was not given.

        Raises:
            SettingsError: with one sentence for every problem there is.
        """
        return cls(sources.read(environ, file, command_line))

    @property
    def sources(self) -> dict[str, str]:
        """Who set each: name → "environment", "gatepost.toml", "command line", "argument" or "default"."""
        return dict(self._sources)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is accepted and should still be looked at, one sentence each."""
        return self._warnings

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, None for another database."""
        return urls.database_file(self.database_url)

    @property
    def data_folder(self) -> Path:
        """The folder for what stands beside the database: lock, development key, development mailbox."""
        file = self.database_file
        return Path("var") if file is None else file.parent

    def describe(self) -> list[Row]:
        """List every setting with its effective value, secrets masked, and its source."""
        return [
            Row(setting.variable, setting.show(getattr(self, setting.name)), self._sources[setting.name])
            for setting in SETTINGS
        ]

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        # repr and str come from here: a database URL is a plain text that may hold a password.
        return [(name, setting.show(getattr(self, name))) for name, setting in BY_NAME.items()]
