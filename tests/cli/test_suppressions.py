"""gatepost suppressions: listed, added and lifted, through the running service or alone."""

import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cli.service import Done, free_port, gatepost, running

UID = f"command line (uid {os.getuid()})"
KEYS = {"SECRET_KEYS": "0123456789abcdefghijklmnopqrstuv"}


def nowhere() -> str:
    """The URL of a mail server that cannot be reached."""
    return f"smtp://127.0.0.1:{free_port()}"


def command(folder: Path, *arguments: str, **settings: object) -> Done:
    """Run one of the commands."""
    return gatepost(folder, "suppressions", *arguments, **settings)


def listed(folder: Path, *arguments: str, **settings: object) -> list[dict[str, Any]]:
    """Suppressions, newest first."""
    done = command(folder, "list", "--json", *arguments, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    rows: list[dict[str, Any]] = json.loads(done.stdout)["suppressions"]
    return rows


def add_and_lift(folder: Path, **settings: object) -> None:
    """Add, list and lift: each says what it did."""
    added = command(folder, "add", "ada@example.com", "--reason", "by phone", "--expires-in-days", "7", **settings)
    assert (added.returncode, added.stderr) == (0, "")
    (row,) = listed(folder, "--recipient", "ADA@example.com", "--reason", "operator", **settings)
    assert added.stdout == f"{row['id']}: ada@example.com is suppressed, all, until {row['expires_at']}\n"
    assert (UID, "by phone", "all") == (row["source"], row["detail"], row["scope"])
    assert "ada@example.com" in command(folder, "list", **settings).stdout
    assert [] == listed(folder, "--reason", "complaint", **settings)
    lifted = command(folder, "lift", row["id"], "--reason", "she is back", **settings)
    assert (0, f"{row['id']}: operator of ada@example.com is lifted\n") == (lifted.returncode, lifted.stdout)
    assert [] == listed(folder, **settings)
    gone = command(folder, "lift", row["id"], **settings)
    assert (1, "") == (gone.returncode, gone.stdout)
    assert "there is no suppression with the id" in gone.stderr


def test_beside_a_running_service_the_service_does_it(tmp_path: Path) -> None:
    """SQLite: over the socket; the service's log tells of both, with the address masked."""
    with running(tmp_path, SMTP_URL=nowhere(), **KEYS) as service:
        service.ready()
        add_and_lift(tmp_path, **KEYS)
        service.stop()
        assert service.wait() == 0
        told = [one for one in service.events() if one["event"] in ("address_suppressed", "suppression_lifted")]
    assert [("address_suppressed", UID), ("suppression_lifted", UID)] == [(one["event"], one["source"]) for one in told]
    assert "ada@" not in json.dumps(told)


def test_without_a_service_the_command_owns_the_file_for_the_moment(tmp_path: Path) -> None:
    """SQLite: the same words and rows; the file is free afterwards."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    add_and_lift(tmp_path, **KEYS)
    assert not (tmp_path / "var/gatepost.db.sock").exists()
    assert gatepost(tmp_path, "migrate").returncode == 0


def test_on_postgresql_the_command_writes_by_itself(tmp_path: Path, postgresql_url: str) -> None:
    """Beside any number of services, and without one."""
    settings = {"DATABASE_URL": postgresql_url, **KEYS}
    assert gatepost(tmp_path, "migrate", **settings).returncode == 0
    add_and_lift(tmp_path, **settings)
    assert list(tmp_path.glob("**/*.sock")) == []


def test_once_more_renews_what_stands(tmp_path: Path) -> None:
    """A scope widens, an end goes away; the same id is printed, as JSON where that is asked for."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    first = command(tmp_path, "add", "ada@example.com", "--scope", "all_but_security", "--expires-in-days", "1")
    assert re.fullmatch(r"[0-9a-f-]{36}: ada@example.com is suppressed, all_but_security, until 2\S+Z\n", first.stdout)
    again = command(tmp_path, "add", "ada@example.com", "--json")
    row = json.loads(again.stdout)["suppression"]
    assert (first.stdout[:36], "all", None) == (row["id"], row["scope"], row["expires_at"])
    assert [row] == listed(tmp_path)


def test_the_list_leads_to_the_next_page(tmp_path: Path) -> None:
    """By the id of the last one; a list makes no file."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    for name in ("ada", "bob"):
        assert command(tmp_path, "add", f"{name}@example.com", **KEYS).returncode == 0
    page = command(tmp_path, "list", "--limit", "1")
    assert "bob@example.com" in page.stdout
    assert (following := re.search(r"older ones: --before (\S+)", page.stdout)) is not None
    assert ["ada@example.com"] == [one["address"] for one in listed(tmp_path, "--before", following[1])]
    assert [] == list(tmp_path.glob("**/secret.key"))


@pytest.mark.parametrize("with_service", [False, True], ids=["alone", "beside a service"])
def test_what_cannot_be_used_is_told_in_one_sentence(tmp_path: Path, with_service: bool) -> None:
    """2 with the name of the value, and nothing is written; never a traceback."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    wrong = [("add", "nobody"), ("add", "ada@example.com", "--reason", "x" * 501)]

    def tried() -> list[Done]:
        return [command(tmp_path, *arguments, **KEYS) for arguments in wrong]

    if with_service:
        with running(tmp_path, SMTP_URL=nowhere(), **KEYS) as service:
            service.ready()
            done = tried()
    else:
        done = tried()
    assert [2, 2] == [one.returncode for one in done]
    assert "address: " in done[0].stderr
    assert "reason: Use at most 500 characters." in done[1].stderr
    assert "Traceback" not in "".join(one.stderr for one in done)
    assert [] == listed(tmp_path)


def test_a_missing_database_is_refused_and_not_made(tmp_path: Path) -> None:
    """Neither the database nor a key."""
    for arguments in (("list",), ("add", "ada@example.com"), ("lift", str(uuid.UUID(int=7)))):
        refused = command(tmp_path, *arguments)
        assert (2, "") == (refused.returncode, refused.stdout)
        assert "there is no database" in refused.stderr
    assert [] == list(tmp_path.iterdir())
