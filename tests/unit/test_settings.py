"""Settings: who wins, what is refused, what is masked, and that every problem is told at once."""

import copy
import os
import re
import stat
import traceback
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from gatepost.errors import SettingsError, StartRefused
from gatepost.settings import SETTINGS, Settings, SmtpServer, development_keys

KEY = "0123456789abcdefghijklmnopqrstuv"
OTHER_KEY = "vutsrqponmlkjihgfedcba9876543210"
NO_FILE = Path("/nonexistent/gatepost.toml")
PRODUCTION = {
    "GATEPOST_PUBLIC_URL": "https://accounts.acme.example",
    "GATEPOST_SMTP_URL": "smtp://mailer:hunter2-hunter2@mail.acme.example",
    "GATEPOST_SENDER": "Acme <hello@acme.example>",
    "GATEPOST_SECRET_KEYS": KEY,
    "GATEPOST_SUPPRESSION_KEY": OTHER_KEY,
}


def load(**variables: str) -> Settings:
    return Settings.load({f"GATEPOST_{name}": value for name, value in variables.items()}, NO_FILE)


def problems(environ: Mapping[str, str], file: Path = NO_FILE) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refusal:
        Settings.load(environ, file)
    return refusal.value.problems


def refused(**variables: str) -> str:
    (problem,) = problems({f"GATEPOST_{name}": value for name, value in variables.items()})
    return problem


def in_production(**variables: str) -> tuple[str, ...]:
    changes = {f"GATEPOST_{name}": value for name, value in variables.items()}
    return problems(PRODUCTION | changes)


# Where values come from


def test_nothing_set_is_a_development_service_on_this_machine() -> None:
    """Gatepost starts with nothing set."""
    settings = load()
    assert settings.environment == "development"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.database_url == "sqlite:///var/gatepost.db"
    assert settings.data_folder == Path("var")
    assert settings.smtp_url == ()
    assert settings.sender == "Gatepost <no-reply@gatepost.example>"
    assert settings.secret_keys == ()
    assert settings.rate_limits is True
    assert settings.warnings == ()
    assert set(settings.sources.values()) == {"default"}


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """The environment first, then gatepost.toml, and each value remembers its source."""
    file = tmp_path / "gatepost.toml"
    file.write_text('product_name = "From the file"\nport = 9000\nreveal_accounts = true\n')
    settings = Settings.load({"GATEPOST_PRODUCT_NAME": "From the environment"}, file)
    assert settings.product_name == "From the environment"
    assert settings.port == 9000
    assert settings.reveal_accounts is True
    assert [settings.sources[name] for name in ("product_name", "port", "welcome")] == [
        "environment",
        "gatepost.toml",
        "default",
    ]


def test_the_command_line_wins_over_the_environment() -> None:
    """An option that was given wins; one that was not says nothing."""
    settings = Settings.load({"GATEPOST_PORT": "9000"}, NO_FILE, {"port": 9001, "host": None})
    assert (settings.port, settings.host) == (9001, "127.0.0.1")
    assert (settings.sources["port"], settings.sources["host"]) == ("command line", "default")


def test_an_empty_variable_means_not_set() -> None:
    """Compose files write `${NAME:-}`: empty is not set, and not an error."""
    settings = load(SMTP_URL="", PORT="  ", ADMIN_TOKEN="")
    assert (settings.smtp_url, settings.port, settings.admin_token) == ((), 8000, None)


def test_an_unknown_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    """A misspelled setting never passes unseen, whether in the environment, the file or code."""
    file = tmp_path / "gatepost.toml"
    file.write_text('smpt_url = "smtp://mail.example.com"\n[gatepost]\nport = 1\n')
    assert problems({"GATEPOST_SENDR": "a@b.example", "GATEPOST_QQQQQ": "1"}, file) == (
        "smpt_url in gatepost.toml is no setting; did you mean smtp_url in gatepost.toml?",
        "gatepost in gatepost.toml is no setting; `gatepost config` lists every setting.",
        "GATEPOST_QQQQQ is no setting; `gatepost config` lists every setting.",
        "GATEPOST_SENDR is no setting; did you mean GATEPOST_SENDER?",
    )
    with pytest.raises(SettingsError, match=r"^portt is no setting; did you mean port\?$"):
        Settings(portt=1)


def test_other_variables_are_not_looked_at() -> None:
    """Only names with our prefix are settings."""
    assert Settings.load({"PORT": "1", "MY_GATEPOST_PORT": "2", "GATEPOSTPORT": "3"}, NO_FILE).port == 8000


def test_a_file_that_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    """The sentence names the file and the line."""
    file = tmp_path / "gatepost.toml"
    file.write_text("port = 1\nsender = a@b.example\n")
    (problem,) = problems({}, file)
    assert problem.startswith(f"{file} is not TOML: ")
    assert "line 2" in problem
    file.write_bytes(b'sender = "\xff"')
    assert problems({}, file) == (f"{file} is not UTF-8; save it as UTF-8.",)
    assert problems({}, tmp_path) == (f"{tmp_path} cannot be read: Is a directory; make it readable or remove it.",)


def test_lists_of_the_file_are_lists(tmp_path: Path) -> None:
    """gatepost.toml may write several servers, keys and ranges as TOML lists."""
    file = tmp_path / "gatepost.toml"
    file.write_text(
        f'smtp_url = ["smtps://a.example", "smtp://b.example:25"]\nsecret_keys = ["{KEY},x", "{OTHER_KEY}"]\n'
        'trusted_proxies = ["10.0.0.0/8", "::1"]\nshutdown_grace_s = 1\n'
    )
    settings = Settings.load({}, file)
    assert [server.host for server in settings.smtp_url] == ["a.example", "b.example"]
    assert [key.get_secret_value() for key in settings.secret_keys] == [f"{KEY},x", OTHER_KEY]
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert settings.shutdown_grace_s == 1.0


def test_every_problem_is_told_at_once() -> None:
    """Nobody has to start five times to learn of five mistakes."""
    found = problems(
        {
            "GATEPOST_PORT": "eighty",
            "GATEPOST_WELCOME": "soon",
            "GATEPOST_SENDR": "x",
            "GATEPOST_PUBLIC_URL": "http://accounts.acme.example",
            "GATEPOST_SECRET_KEYS": "short",
        }
    )
    assert found == (
        "GATEPOST_SENDR is no setting; did you mean GATEPOST_SENDER?",
        "GATEPOST_PORT must be a whole number from 1 to 65535, not 'eighty'.",
        "GATEPOST_SECRET_KEYS has a key (number 1) that needs at least 32 characters;"
        " `openssl rand -hex 32` makes one.",
        "GATEPOST_WELCOME must be one of at_registration, at_verification, off, not 'soon'.",
        "GATEPOST_PUBLIC_URL is unsafe: mailed links carry secrets; begin it with https://.",
        "GATEPOST_SMTP_URL is not set, and production needs it; set it to your submission server, for example"
        " smtp://user:password@mail.example.com:587.",
        "GATEPOST_SENDER is not set, and production needs it; set it to an address your submission server may send"
        " from.",
    )


# Kubernetes


def test_what_kubernetes_injects_is_ignored_with_one_warning() -> None:
    """A service called gatepost, or beginning with it, puts variables of this shape into every container."""
    settings = load(
        PORT="tcp://10.0.0.1:80",
        PORT_80_TCP="tcp://10.0.0.1:80",
        PORT_80_TCP_PROTO="tcp",
        PORT_80_TCP_PORT="80",
        PORT_80_TCP_ADDR="10.0.0.1",
        SERVICE_HOST="10.0.0.1",
        SERVICE_PORT="80",
        SERVICE_PORT_HTTP="80",
        POSTGRESQL_SERVICE_HOST="fd00::1",
        POSTGRESQL_PORT="tcp://[fd00::1]:5432",
        POSTGRESQL_PORT_5432_TCP_ADDR="fd00::1",
    )
    assert settings.port == 8000
    (warning,) = settings.warnings
    assert warning.startswith("ignored GATEPOST_PORT, ")
    assert "Kubernetes" in warning


def test_a_mistake_that_only_looks_like_kubernetes_is_still_refused() -> None:
    """Name and value must both have the shape."""
    assert "SERVICE_HOST is no setting" in refused(SERVICE_HOST="mail.example.com and more")
    assert "SERVICE_URL is no setting" in refused(SERVICE_URL="10.0.0.1")
    assert refused(PORT="http://10.0.0.1:80").startswith("GATEPOST_PORT must be a whole number")


# Environment and public URL


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", "9000", "http://127.0.0.1:9000"),
        ("::1", "8000", "http://[::1]:8000"),
        ("[::1]", "8000", "http://[::1]:8000"),
        ("localhost", "8000", "http://localhost:8000"),
        ("127.0.0.2", "8000", "http://127.0.0.2:8000"),
        ("0.0.0.0", "8000", "http://127.0.0.1:8000"),
        ("192.0.2.7", "8000", "http://127.0.0.1:8000"),
    ],
)
def test_the_public_url_follows_a_loopback_host(host: str, port: str, expected: str) -> None:
    """Links work in the browser beside the service, wherever it listens; HOST alone never means production."""
    settings = load(HOST=host, PORT=port)
    assert (settings.public_url, settings.environment) == (expected, "development")


@pytest.mark.parametrize(
    "url", ["http://localhost:3000", "https://app.localhost", "http://127.9.9.9", "http://[::1]/a/"]
)
def test_a_public_url_on_this_machine_is_development(url: str) -> None:
    """Loopback in any form; a trailing slash is cut off."""
    settings = load(PUBLIC_URL=url)
    assert (settings.environment, settings.public_url) == ("development", url.rstrip("/"))


def test_a_public_url_elsewhere_is_production() -> None:
    """A name other people can open makes the service a production service."""
    settings = Settings.load(PRODUCTION, NO_FILE)
    assert settings.environment == "production"
    assert settings.warnings == ()


def test_development_is_refused_for_a_public_url_elsewhere() -> None:
    """`development` shows mail and tokens to whoever sits at the machine: never under a public name."""
    assert refused(ENVIRONMENT="development", PUBLIC_URL="https://accounts.acme.example") == (
        "GATEPOST_ENVIRONMENT may be development only while PUBLIC_URL is unset or names this machine;"
        " set it to production."
    )


@pytest.mark.parametrize(
    "url", ["ftp://x.example", "x.example", "https://", "https://u:p@x.example", "https://x.example?a", "https://x.y#a",
            "https://[::1", "https://x.example:99999", "https://x .example", "https://x.example:port"]
)  # fmt: skip
def test_a_public_url_nothing_can_be_added_to_is_refused(url: str) -> None:
    """Only scheme, host, port and path."""
    assert refused(PUBLIC_URL=url, ENVIRONMENT="development").startswith("GATEPOST_PUBLIC_URL ")


# Production


@pytest.mark.parametrize("name", ["SMTP_URL", "SENDER", "SECRET_KEYS"])
def test_production_refuses_to_start_without(name: str) -> None:
    """What development supplies, production must be told."""
    (problem,) = in_production(**{name: ""})
    assert problem.startswith(f"GATEPOST_{name} is not set, and production needs it; ")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "PUBLIC_URL",
            "http://accounts.acme.example",
            "is unsafe: mailed links carry secrets; begin it with https://.",
        ),
        ("VERIFY_URL", "http://app.acme.example/v", "is unsafe: mailed links carry secrets; begin it with https://."),
        ("RESET_URL", "http://app.acme.example/r", "is unsafe: mailed links carry secrets; begin it with https://."),
        ("ARGON2_MEMORY_KIB", "19455", "is unsafe under 19456; raise it."),
        ("ARGON2_TIME_COST", "1", "is unsafe under 2; raise it."),
        (
            "RATE_LIMITS",
            "off",
            "is unsafe when off: anybody could have somebody's mailbox filled; set it to on.",
        ),
        (
            "ADMIN_TOKEN",
            "0123456789012345678901234567890",
            "is unsafe under 32 characters; `openssl rand -hex 32` makes a good one.",
        ),
    ],
)
def test_production_refuses_what_is_unsafe(name: str, value: str, expected: str) -> None:
    """Each unsafe value is named with the way out."""
    assert in_production(**{name: value}) == (f"GATEPOST_{name} {expected}",)


def test_production_on_loopback_is_accepted_with_a_warning() -> None:
    """A production service may be tried on this machine."""
    settings = Settings.load(
        PRODUCTION | {"GATEPOST_ENVIRONMENT": "production", "GATEPOST_PUBLIC_URL": "http://127.0.0.1:8000"}, NO_FILE
    )
    assert settings.environment == "production"
    assert settings.warnings == ("GATEPOST_PUBLIC_URL names this machine: mailed links open nowhere else",)


def test_production_without_a_key_for_suppressions_is_warned() -> None:
    """With a secret key that is retired goes what it hid: better known before the first person is erased."""
    without = {name: value for name, value in PRODUCTION.items() if name != "GATEPOST_SUPPRESSION_KEY"}
    (warning,) = Settings.load(without, NO_FILE).warnings
    assert warning.startswith("GATEPOST_SUPPRESSION_KEY is not set: ")
    assert load().warnings == ()


def test_development_accepts_weak_values_with_a_warning() -> None:
    """Tests may hash quickly and run without limits."""
    settings = load(ARGON2_MEMORY_KIB="64", ARGON2_TIME_COST="1", RATE_LIMITS="off", SECRET_KEYS="k" * 32)
    assert settings.rate_limits is False
    assert settings.warnings == (
        "GATEPOST_SECRET_KEYS has a key of few different characters; `openssl rand -hex 32` makes a good one",
        "GATEPOST_ARGON2_MEMORY_KIB is under 19456: good enough for development only",
        "GATEPOST_ARGON2_TIME_COST is under 2: good enough for development only",
    )


def test_a_development_sender_is_warned_about_when_mail_leaves_the_machine() -> None:
    """Real servers refuse the reserved domain."""
    assert load(SMTP_URL="smtp://localhost:2525").warnings == ()
    (warning,) = load(SMTP_URL="smtp://mail.acme.example").warnings
    assert warning.startswith("GATEPOST_SENDER is not set")


# Signatures


def test_a_key_for_signatures_needs_its_selector() -> None:
    """Without it nobody finds the public key; a selector without a key is only told, because nothing is signed."""
    assert refused(DKIM_KEY="/etc/dkim.pem") == (
        "GATEPOST_DKIM_SELECTOR is not set, and DKIM_KEY needs it; name the DNS record of the public key."
    )
    assert load(DKIM_SELECTOR="gatepost1").warnings == (
        "GATEPOST_DKIM_SELECTOR is set without DKIM_KEY: mail is not signed here",
    )


@pytest.mark.parametrize(
    ("sender", "domain", "counts"),
    [
        ("Acme <hello@acme.example>", "acme.example", True),
        ("Acme <hello@mail.Acme.example>", "acme.example", True),
        ("hello@acme.example", "mail.acme.example", True),
        ("hello@bücher.example", "xn--bcher-kva.example", True),
        ("hello@acme.example", "provider.example", False),
        ("hello@acme.example", "notacme.example", False),
        ("hello@notacme.example", "acme.example", False),
    ],
)
def test_a_signature_that_does_not_count_is_warned_about(sender: str, domain: str, counts: bool) -> None:
    """DMARC wants the sender's domain, or one above or below it (RFC 7489, 3.1.1)."""
    settings = load(DKIM_KEY="/etc/dkim.pem", DKIM_SELECTOR="gatepost1", DKIM_DOMAIN=domain, SENDER=sender)
    told = [one for one in settings.warnings if one.startswith("GATEPOST_DKIM_DOMAIN is ")]
    assert (0 if counts else 1) == len(told)


# Single values


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://127.0.0.1:2525", SmtpServer("127.0.0.1", 2525, tls="none")),
        ("smtp://localhost", SmtpServer("localhost", 587, tls="none")),
        ("smtp://[::1]:25", SmtpServer("::1", 25, tls="none")),
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, tls="starttls")),
        ("smtps://Mail.Example.com/", SmtpServer("mail.example.com", 465, tls="implicit")),
        ("smtp://[2001:db8::1]:26", SmtpServer("2001:db8::1", 26, tls="starttls")),
        (
            "smtp://user%40acme.example:p%2Fa%3As%20s%C3%BC@mail.example.com",
            SmtpServer("mail.example.com", 587, "user@acme.example", SecretStr("p/a:s sü"), "starttls"),
        ),
        ("smtp://u:p@localhost", SmtpServer("localhost", 587, "u", SecretStr("p"), "none")),
        (
            "smtp://u%40acme.example:to.ken@mail.example.com?auth=xoauth2",
            SmtpServer("mail.example.com", 587, "u@acme.example", SecretStr("to.ken"), "starttls", "xoauth2"),
        ),
        (
            "smtps://u@mail.example.com/?auth=xoauth2&token_file=/run/a%20b+c",
            SmtpServer("mail.example.com", 465, "u", None, "implicit", "xoauth2", Path("/run/a b+c")),
        ),
        ("smtp://mail.example.com?rate=20", SmtpServer("mail.example.com", 587, tls="starttls", rate=20.0)),
        (
            "smtps://u:t@mail.example.com?rate=0.5&auth=xoauth2",
            SmtpServer("mail.example.com", 465, "u", SecretStr("t"), "implicit", "xoauth2", rate=0.5),
        ),
    ],
)
def test_s65_a_submission_server_is_read_from_its_url(url: str, expected: SmtpServer) -> None:
    """Ports by scheme, %-decoded logins, IPv6 in brackets, TLS everywhere but on loopback."""
    assert load(SMTP_URL=url).smtp_url == (expected,)


def test_a_server_is_shown_with_its_options_and_without_its_login() -> None:
    """The way to authenticate and the token's file are no secrets; user name, password and token are."""
    url = "smtp://apiuser@a.example?auth=xoauth2&token_file=/run/a%20b,smtps://apiuser:hunter2@b.example?auth=xoauth2&rate=2.50"
    (row,) = [row for row in load(SMTP_URL=url).describe() if row.name == "GATEPOST_SMTP_URL"]
    assert row.value == (
        "smtp://***@a.example:587?auth=xoauth2&token_file=/run/a%20b, smtps://***:***@b.example:465?auth=xoauth2&rate=2.5"
    )


def test_several_servers_keep_their_order() -> None:
    """Commas separate servers; a comma inside a password does not."""
    servers = load(SMTP_URL="smtps://u:a,b@one.example , smtp://two.example:25").smtp_url
    assert [(server.host, server.port) for server in servers] == [("one.example", 465), ("two.example", 25)]
    password = servers[0].password
    assert password is not None
    assert password.get_secret_value() == "a,b"


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://u@mail.example.com",
        "smtp://:hunter2@mail.example.com",
        "smtp://u:hunter2/x@mail.example.com",
        "smtp://u:hunter2#x@mail.example.com",
        "smtp://u:hunter2?x@mail.example.com",
        "smtp://u:[hunter2@mail.example.com",
        "smtp://u:hunter2@mail.example.com:0",
        "smtp://u:hunter2@mail.example.com:66666",
        "smtp://u:hunter2@mail.example.com/path",
        "smtp://u:hunter2%0d%0a@mail.example.com",
        "smtp://u:hunter2%ff@mail.example.com",
        "smtp://u:hunter2\n@mail.example.com",
        "smtp://u:hunter2 x@mail.example.com",
        "smtp://u:hunter2@mail℀.example.com",
        "smtp://u:hunter2@mail.example.com?",
        "smtp://u:hunter2@mail.example.com?auth",
        "smtp://u:hunter2@mail.example.com?auth=login",
        "smtp://u:hunter2@mail.example.com?auth=hunter2",
        "smtp://u:hunter2@mail.example.com?hunter2=xoauth2",
        "smtp://u:hunter2@mail.example.com?auth=xoauth2&auth=xoauth2",
        "smtp://u:hunter2@mail.example.com?auth=xoauth2&hunter2",
        "smtp://u:hunter2@mail.example.com?token_file=/run/token",
        "smtp://u:hunter2@mail.example.com?auth=xoauth2&token_file=/run/token",
        "smtp://u:hunter2%C3%BC@mail.example.com?auth=xoauth2",
        "smtp://u@mail.example.com?auth=xoauth2",
        "smtp://u:@mail.example.com?auth=xoauth2",
        "smtp://mail.example.com?auth=xoauth2&token_file=/run/hunter2",
        "smtp://u@mail.example.com?auth=xoauth2&token_file=hunter2",
        "smtp://u@mail.example.com?auth=xoauth2&token_file=",
        "smtp://u@mail.example.com?auth=xoauth2&token_file=/run/hunter2%0a",
        "smtp://u@mail.example.com?auth=xoauth2&token_file=/run/hunter2%ff",
        "smtp://u:hunter2@mail.example.com?rate=",
        "smtp://u:hunter2@mail.example.com?rate=0",
        "smtp://u:hunter2@mail.example.com?rate=0.0001",
        "smtp://u:hunter2@mail.example.com?rate=-1",
        "smtp://u:hunter2@mail.example.com?rate=nan",
        "smtp://u:hunter2@mail.example.com?rate=inf",
        "smtp://u:hunter2@mail.example.com?rate=1e3",
        "smtp://u:hunter2@mail.example.com?rate=1&rate=2",
        "smtp://u:hunter2@mail.example.com?rate=hunter2",
    ],
)
def test_a_bad_submission_url_is_refused_without_repeating_it(url: str) -> None:
    """The sentence says what is wrong and never shows the password."""
    problem = refused(SMTP_URL=url)
    assert problem.startswith("GATEPOST_SMTP_URL ")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///var/a.db", Path("var/a.db")),
        ("sqlite:////srv/a b.db", Path("/srv/a b.db")),
        ("postgresql://u:p@db.example/gatepost", None),
        ("postgres://u:p@db.example/gatepost?sslmode=require", None),
        ("postgresql://u:p@one:5432,two:5433/gatepost", None),
        ("postgresql://u@[::1]:5432/gatepost", None),
        ("postgresql://u@/gatepost?host=/run/postgresql", None),
        ("postgresql://u@%2Frun%2Fpostgresql/gatepost", None),
        ("postgresql://db.example?dbname=gatepost", None),
    ],
)
def test_a_database_url_names_a_file_or_a_server(url: str, expected: Path | None) -> None:
    """Three slashes are relative, four absolute; PostgreSQL is read under both its names."""
    settings = load(DATABASE_URL=url)
    assert settings.database_file == expected
    assert settings.database_url.split(":", 1)[0] in ("sqlite", "postgresql")


@pytest.mark.parametrize(
    "url",
    ["sqlite://a.db", "sqlite:///", "sqlite:///:memory:", "sqlite:///a.db?mode=ro", "sqlite:///var/", "mysql://h/d",
     "postgresql://hunter2", "postgresql://u:hunter2@/d", "postgresql://u:[hunter2@h/d", "var/a.db",
     "postgresql://u:hunter2@h:port/d", "postgresql://u:hunter2@h:1,:2/d", "postgresql+asyncpg://u:hunter2@h/d",
     "postgresql://u:hunter2@h/d?connect_timeout=3"],
)  # fmt: skip
def test_a_bad_database_url_is_refused_without_repeating_it(url: str) -> None:
    """A database needs a place that outlives the process."""
    problem = refused(DATABASE_URL=url)
    assert problem.startswith("GATEPOST_DATABASE_URL must ") or problem.startswith("GATEPOST_DATABASE_URL is not a URL")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b.example", "a@b.example"),
        ("Acme <a@b.example>", "Acme <a@b.example>"),
        ('"Acme, Inc." <a@b.example>', "Acme, Inc. <a@b.example>"),
        (" <a@b.example> ", "a@b.example"),
        ("gatepost@mail.test", "gatepost@mail.test"),
        ("gatepost@localhost", "gatepost@localhost"),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, expected: str) -> None:
    """Quotes around the name are for shells and mail programs, not part of it."""
    assert load(SENDER=text).sender == expected


@pytest.mark.parametrize(
    "text",
    [
        "Acme",
        "a@b@c.example",
        "Acme <a@b",
        "a@b.example, c@d.example",
        "A\r\nBcc: x <a@b.c>",
        'A "B" C <a@b.example>',
        "ü@b.example",
        "a@elsewhere",
    ],
)
def test_a_bad_sender_is_refused(text: str) -> None:
    """One address, and nothing that could become a header field of its own."""
    assert refused(SENDER=text).startswith("GATEPOST_SENDER ")


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("PORT", ["0", "65536", "1.5", "-1"]),
        ("WORKER_SLOTS", ["0", "257", "many"]),
        ("PASSWORD_MIN_LENGTH", ["7", "65"]),
        ("FINAL_REPLY_TIMEOUT_S", ["601", "0", "nan", "inf", "soon"]),
        ("ATTEMPT_TIMEOUT_S", ["0", "601"]),
        ("SHUTDOWN_GRACE_S", ["-1", "3601"]),
        ("REVEAL_ACCOUNTS", ["maybe"]),
        ("RATE_LIMITS", ["maybe"]),
        ("TRUSTED_PROXIES", ["10.0.0.1/8", "0.0.0.0/0", "::/0", "proxy.example"]),
        ("HOST", ["http://127.0.0.1", "127.0.0.1:8000/", "a b"]),
        ("PRODUCT_NAME", ["<b>", "x" * 81, "a\nb"]),
        ("ADMIN_TOKEN", ["with space", "ümlaut"]),
        ("SUPPRESSION_KEY", ["short"]),
        ("SECRET_KEYS", ["short", f"{KEY},{KEY}"]),
        ("VERIFY_URL", ["/verify"]),
        ("RESET_URL", ["https://x.example/#/reset"]),
        ("TEMPLATES", ["a\nb"]),
        ("PAGES", ["a\nb"]),
        ("LOGO", ["a\nb"]),
        ("ACCENT_COLOR", ["blue", "1d4ed8", "#1d4ed", "#1d4ed88", "#1d4edg", "#1d4ed8;}", "#١٢٣٤٥٦"]),
    ],
)
def test_values_outside_their_bounds_are_refused(name: str, bad: list[str]) -> None:
    """The sentence begins with the setting's name."""
    for value in bad:
        assert refused(**{name: value}).startswith(f"GATEPOST_{name} ")


def test_argon2_lanes_need_memory() -> None:
    """argon2 cannot run with less than 8 KiB for each lane."""
    assert refused(ARGON2_MEMORY_KIB="31", ARGON2_PARALLELISM="4") == (
        "GATEPOST_ARGON2_MEMORY_KIB must be at least 32: 8 for each of argon2_parallelism's lanes."
    )


def test_a_message_cannot_say_whom_it_was_for_when_it_is_gone() -> None:
    """Who wants recipients kept longer has to keep the messages longer."""
    assert refused(MESSAGES_KEPT_DAYS="31", RECIPIENTS_KEPT_DAYS="32") == (
        "GATEPOST_RECIPIENTS_KEPT_DAYS must be at most messages_kept_days (31): then the message itself goes."
    )
    assert 31 == load(MESSAGES_KEPT_DAYS="31", RECIPIENTS_KEPT_DAYS="31").recipients_kept_days


# Code


def test_code_may_write_texts_or_values() -> None:
    """A host application passes what the environment would hold, or the thing itself, under the same checks."""
    server = SmtpServer("127.0.0.1", 2525, tls="none")
    settings = Settings(
        smtp_url=(server,), secret_keys=(SecretStr(KEY),), trusted_proxies="10.0.0.0/8", port=8080, admin_token="t"
    )
    assert settings.smtp_url == (server,)
    assert settings.secret_keys == (SecretStr(KEY),)
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.sources["port"] == "argument"
    with pytest.raises(SettingsError, match=r"^rate_limits is unsafe when off"):
        Settings(
            environment="production",
            smtp_url="smtps://x.example",
            sender="a@b.example",
            secret_keys=KEY,
            rate_limits=False,
        )


def test_a_folder_is_a_path() -> None:
    """It is read where it is used, so it need not be there yet."""
    assert [Path("mails"), Path("mails"), None] == [
        load(TEMPLATES="mails").templates,
        Settings(templates=Path("mails")).templates,
        load().templates,
    ]


def test_a_logo_is_a_path_and_so_are_pages() -> None:
    """They are read where they are used."""
    settings = load(LOGO="logo.svg", PAGES="/srv/pages")
    assert (Path("logo.svg"), Path("/srv/pages")) == (settings.logo, settings.pages)
    assert (Path("a"), Path("b")) == (Settings(logo=Path("a")).logo, Settings(pages=Path("b")).pages)
    assert (None, None) == (load().logo, load().pages)


@pytest.mark.parametrize("text", ["#1D4ED8", " #1d4ed8 "])
def test_a_colour_is_six_hexadecimal_digits(text: str) -> None:
    """Capitals and space around it do not matter."""
    assert "#1d4ed8" == load(ACCENT_COLOR=text).accent_color
    assert load().accent_color is None


def test_settings_do_not_change() -> None:
    """Settings are frozen; a copy is equal."""
    settings = load()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
    assert copy.deepcopy(settings) == settings


# Secrets

SECRETS = {
    "SMTP_URL": ("smtp://apiuser-4711:hunter2-hunter2@mail.acme.example", ["apiuser-4711", "hunter2"]),
    "DATABASE_URL": (
        "postgresql://dbuser-4711:hunter3@db.acme.example/d?password=hunter4",
        ["hunter3", "hunter4"],
    ),
    "SECRET_KEYS": (f"{KEY},{OTHER_KEY}", [KEY, OTHER_KEY]),
    "SUPPRESSION_KEY": (f"suppress-{KEY}", [KEY]),
    "ADMIN_TOKEN": ("admin-token-that-is-long-enough-to-use", ["admin-token-that"]),
}


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    """repr, str, `gatepost config` and a formatted traceback with locals hold no secret."""
    settings = load(**{name: value for name, (value, _) in SECRETS.items()})
    shown = [repr(settings), str(settings), repr(settings.smtp_url), repr(settings.describe()), str(vars(settings))]
    shown[-1] = shown[-1].replace(settings.database_url, "")  # the raw attributes hold the URL, as they must
    for _, words in SECRETS.values():
        for word in words:
            assert [text for text in shown if word in text] == []
    rows = {row.name: row.value for row in settings.describe()}
    assert rows["GATEPOST_SMTP_URL"] == "smtp://***:***@mail.acme.example:587"
    assert rows["GATEPOST_DATABASE_URL"] == "postgresql://***@db.acme.example/d?***"
    assert rows["GATEPOST_SECRET_KEYS"] == "*** (2 keys)"
    assert rows["GATEPOST_ADMIN_TOKEN"] == "***"


def test_a_refusal_and_its_traceback_hold_no_secret() -> None:
    """Wrong secrets are secrets too: not in the sentence, and not in what the traceback prints."""
    environ = {
        "GATEPOST_SMTP_URL": "smtp://apiuser:[hunter2@mail.acme.example",
        "GATEPOST_DATABASE_URL": "postgresql://u:[hunter2@db.example/d",
        "GATEPOST_SECRET_KEYS": "hunter2",
        "GATEPOST_SUPPRESSION_KEY": "hunter2",
        "GATEPOST_ADMIN_TOKEN": "hunter2 hunter2",
    }
    with pytest.raises(SettingsError) as refusal:
        Settings.load(environ, NO_FILE)
    assert len(refusal.value.problems) == 5
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


# The development key


def test_development_makes_one_key_for_its_owner_only(tmp_path: Path) -> None:
    """Made once, mode 0600, in a folder of mode 0700, and the same after every restart."""
    folder = tmp_path / "var"
    (key,) = development_keys(folder)
    assert re.fullmatch("[0-9a-f]{64}", key.get_secret_value())
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert development_keys(folder) == (key,)
    assert os.listdir(folder) == ["secret.key"]


def test_a_development_key_others_may_read_is_closed_again(tmp_path: Path) -> None:
    """An unpacked copy may have lost its mode."""
    keys = development_keys(tmp_path)
    (tmp_path / "secret.key").chmod(0o644)
    assert development_keys(tmp_path) == keys
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_damaged_development_key_is_refused(tmp_path: Path) -> None:
    """A cut-off key is never silently replaced: links of mail on its way would die."""
    (tmp_path / "secret.key").write_text("short\n")
    with pytest.raises(SettingsError, match="holds no key of at least 32 characters; remove it"):
        development_keys(tmp_path)


def test_a_development_key_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """The sentence names the folder and both ways out."""
    (tmp_path / "file").touch()
    with pytest.raises(StartRefused, match="or set GATEPOST_SECRET_KEYS"):
        development_keys(tmp_path / "file" / "var")


# The reference page


def test_every_setting_is_described_in_the_reference() -> None:
    """The page holds each setting's name, meaning, default, example and limits, word for word."""
    page = (Path(__file__).parents[2] / "docs/reference/settings.md").read_text()
    missing = [
        (setting.variable, text)
        for setting in SETTINGS
        for text in (
            f"### {setting.variable}\n",
            setting.description,
            setting.kind,
            setting.default_text,
            f"{setting.variable}={setting.example}",
            setting.unsafe,
        )
        if text not in page
    ]
    assert missing == []


def test_the_reference_describes_no_other_setting() -> None:
    """A setting that is gone is gone from the page."""
    page = (Path(__file__).parents[2] / "docs/reference/settings.md").read_text()
    assert set(re.findall(r"^### (GATEPOST_\w+)$", page, re.M)) == {setting.variable for setting in SETTINGS}


def test_every_example_is_accepted() -> None:
    """What the reference shows can be copied; keys are shortened there, so a full one stands in."""
    for setting in SETTINGS:
        example = setting.example.replace("…", KEY)
        setting.parse(example)
