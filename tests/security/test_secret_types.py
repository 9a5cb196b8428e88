"""Secrets have a type of their own or no place in a repr: no print, traceback, command line or dump shows one."""

import dataclasses
import importlib
import inspect
import io
import pkgutil
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel, SecretStr
from sqlalchemy import Connection

import gatepost
from gatepost.accounts.keys import Keys
from gatepost.accounts.tokens import Presented
from gatepost.cli.commands import cli
from gatepost.database.connection import Database
from gatepost.settings import Settings
from tests.cli.service import gatepost as run
from tests.security.house import PASSWORD
from tests.support.service import Service
from tests.web.site import Site

SET = {
    "secret_keys": "planted-key-planted-key-planted-key-1, planted-key-planted-key-planted-key-2",
    "suppression_key": "planted-suppression-key-planted-0123",
    "admin_token": "planted-admin-token-planted-012345",
    "smtp_url": "smtp://planted-user:planted-password@mail.example.com",
    "database_url": "postgresql://gatepost:planted-password@db.example.com/gatepost",
    "sender": "gate@example.com",
}
# By their names, what must not show itself: what opens something, what it is checked with, and mail with its link.
TELLING = re.compile(
    r"password(_hash)?$|token$|secret|credentials?$|^mac$|^answer$|^challenge$|_key$|_hash$|^(text|html|content|source)$"
)
# Named like a secret and none.
HARMLESS = {
    "address_key": "an address in the form that is compared",
    "recipient_key": "the same, of a recipient",
    "old_key": "the same, before a change",
    "new_key": "the same, after it",
    "confirm_token": "the id of a token, of no use without the key",
    "undo_token": "the id of a token, of no use without the key",
    "dkim_key": "the path of the file that holds it",
    "feedback_sendgrid_key": "a public key",
}
BODIES = {"text", "html", "content", "source"}
NO_BODIES = {
    "Address",
    "AddressSuppressed",
    "Fact",
    "FactBody",
    "FactRow",
    "FeedbackReceived",
    "FeedbackRefused",
    "SuppressionBody",
    "SuppressionLifted",
    "SuppressionRow",
    "FieldError",
    "Faint",
    "Finding",
    "Instant",
    "Layouts",
    "Reply",
    "Response",
    "Row",
    "Template",
    "_File",
    "_Said",
}  # nothing of one message
PARTS = {"AccountFlows", "Gate", "First"}  # functions and objects
FOR_TESTS = {"AcceptedMessage"}  # a test that fails should show what came


def classes() -> Iterator[type]:
    """Every class of the product."""
    for module in pkgutil.walk_packages(gatepost.__path__, "gatepost."):
        if module.name.endswith(("__main__", ".env")) or ".versions." in module.name:
            continue
        loaded = importlib.import_module(module.name)
        yield from (one for one in vars(loaded).values() if inspect.isclass(one) and one.__module__ == module.name)


def shown_fields(kind: type) -> Iterator[tuple[str, Any]]:
    """The fields that its repr writes, with their types."""
    if dataclasses.is_dataclass(kind):
        yield from ((one.name, one.type) for one in dataclasses.fields(kind) if one.repr)
    elif issubclass(kind, BaseModel):
        yield from ((name, one.annotation) for name, one in kind.model_fields.items() if one.repr)
    elif issubclass(kind, tuple):
        yield from ((name, kind.__annotations__.get(name)) for name in getattr(kind, "_fields", ()))


def is_harmless(kind: type, name: str, typed: Any) -> bool:
    if kind.__name__ in PARTS | FOR_TESTS or "SecretStr" in str(typed) or typed in (int, float, bool):
        return True
    return kind.__name__ in NO_BODIES if name in BODIES else name in HARMLESS


def test_s117_no_class_shows_a_secret_in_its_repr() -> None:
    """Every dataclass, model and named tuple there is: what is named like a secret is SecretStr or not shown."""
    found = [
        f"{kind.__module__}.{kind.__name__}.{name}"
        for kind in set(classes())
        for name, typed in shown_fields(kind)
        if TELLING.search(name) and not is_harmless(kind, name, typed)
    ]
    assert [] == sorted(found)


def test_s117_a_repr_of_what_holds_one_does_not_tell_it() -> None:
    """The keys and a token as somebody presented it, whose repr would be enough to use it."""
    assert "planted" not in repr(Keys([SET["secret_keys"]]))
    presented = Presented(b"i" * 16, b"planted-mac-planted-mac-planted!")
    assert "planted" not in repr(presented) + str(presented) + f"{presented}"


def test_s117_settings_never_show_a_secret(tmp_path: Path) -> None:
    """repr, str, JSON and `gatepost config`: whether it is set, and nothing else."""
    settings = Settings(**SET)
    for name in ("secret_keys", "suppression_key", "admin_token"):
        value = getattr(settings, name)
        assert {SecretStr} == {type(one) for one in (value if isinstance(value, tuple) else [value])}
    printed = io.StringIO()
    with redirect_stdout(printed):
        print(settings, repr(settings), settings.describe(), f"{settings}", settings.warnings)  # noqa: T201
    done = run(tmp_path, "config", **{name.upper(): value for name, value in SET.items()})
    assert 0 == done.returncode
    for shown in (printed.getvalue(), done.stdout, done.stderr):
        assert "planted" not in shown
    assert "***" in done.stdout


def test_s117_what_is_wrong_with_a_secret_is_said_without_it(tmp_path: Path) -> None:
    """A key that is too short, a login that cannot be read: the setting is named, its value is not."""
    wrong = {
        "SECRET_KEYS": "planted-short",
        "ADMIN_TOKEN": "planted\x01token",
        "SMTP_URL": "smtp://u:planted@host:notaport",
        "DATABASE_URL": "postgresql://u:planted@[broken/x",
    }
    for name, value in wrong.items():
        done = run(tmp_path, "config", PUBLIC_URL="https://gate.example.com", **{name: value})
        assert "planted" not in done.stdout + done.stderr, name


def test_s117_a_traceback_holds_no_secret() -> None:
    """A bug of ours under a registration or a proof: the log gets a traceback without what was sent."""
    site = Site()
    site.register.answer = site.verify.answer = RuntimeError("a bug")
    with site.client(raise_server_exceptions=False) as client:
        for path, body in (
            ("/auth/register", {"email": "ada@example.com", "password": PASSWORD}),
            ("/auth/verify", {"token": "T" * 64, "password": PASSWORD}),
        ):
            assert 500 == client.post(path, json=body).status_code
    told = [failure.traceback + failure.error for failure in site.failures()]
    assert 2 == len(told)
    assert [] == [one for one in told if PASSWORD in one or "T" * 64 in one or "RuntimeError" not in one]


async def test_s117_an_error_of_the_database_names_no_value(database: Database) -> None:
    """Statement and cause are told, what was to be written is not."""

    def work(tx: Connection) -> int:
        return tx.exec_driver_sql("INSERT INTO accounts (email, no_such_column) VALUES (?, ?)", ("planted", 1)).rowcount

    with pytest.raises(Exception, match="no_such_column") as failure:
        await database.write(work)
    assert "planted" not in str(failure.value) + repr(failure.value)


def test_s117_no_secret_stands_in_the_process_list(tmp_path: Path) -> None:
    """The command line, which every user of the machine can read, holds none; no command takes one as an option."""
    service = Service(tmp_path, ADMIN_TOKEN=SET["admin_token"])
    service.start()
    try:
        service.wait_until_ready()
        command = Path(f"/proc/{service.pid}/cmdline").read_bytes().decode()
    finally:
        service.close()
    assert SET["admin_token"] not in command
    assert service.settings["SECRET_KEYS"] not in command
    options = [option for _, command in _commands(typer.main.get_command(cli)) for option in command]
    assert options
    elsewhere = {"--password-stdin"}  # says where it comes from, and takes no value
    assert [] == [one for one in options if re.search(r"secret|password|token|key", one) and one not in elsewhere]


def test_s117_there_is_no_debug_page() -> None:
    """Nothing shows settings, environment or variables over HTTP."""
    with Site().client() as client:
        assert {404} == {client.get(path).status_code for path in ("/debug", "/config", "/env", "/settings", "/trace")}


def _commands(command: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    yield name, [option for one in command.params for option in one.opts if option.startswith("-")]
    for child, below in getattr(command, "commands", {}).items():
        yield from _commands(below, child)
