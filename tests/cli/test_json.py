"""With --json a command prints JSON on standard output and nothing else there, whatever it has to say besides."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatepost.clock import SystemClock
from gatepost.database.opening import open_database
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import enqueue
from tests.cli.service import gatepost
from tests.support.postgresql import run_apart


def told(folder: Path, *arguments: str, code: int = 0) -> Any:
    """What a command prints as JSON, when it ends so."""
    done = gatepost(folder, *arguments, "--json")
    assert code == done.returncode, done.stderr
    return json.loads(done.stdout)


async def _promise(url: str) -> str:
    database = await open_database(url, wait_for_owner_s=0)
    draft = Draft(template="welcome", recipient="ann@example.com", recipient_key="ann@example.com")
    id = await database.write(lambda tx: enqueue(tx, draft, now_ms=SystemClock().now_ms(), domain="acme.example").id)
    await database.close()
    return str(id)


def test_settings_and_schema(tmp_path: Path) -> None:
    """config and migrate; secrets are masked as ever."""
    settings = told(tmp_path, "config")
    assert {"value": "development", "source": "default"} == settings["GATEPOST_ENVIRONMENT"]
    migrated = told(tmp_path, "migrate")
    assert migrated["database"].endswith("/var/gatepost.db")
    assert migrated == told(tmp_path, "migrate")


def test_what_is_done_to_a_message(tmp_path: Path) -> None:
    """hold, release, cancel and resend, each as the order answers."""
    id = run_apart(_promise(f"sqlite:///{tmp_path}/var/gatepost.db"))
    moves = [("hold", "queued", "held"), ("release", "held", "queued"), ("cancel", "queued", "cancelled")]
    for action, before, after in moves:
        acted = told(tmp_path, "messages", action, id)
        expected = {"message": id, "action": action, "result": None, "state_before": before, "state_after": after}
        assert expected == acted
    new = told(tmp_path, "messages", "resend", id)["result"]
    assert [new] == told(tmp_path, "messages", "show", id)["resent_as"]


def test_a_person_and_a_suppression(tmp_path: Path) -> None:
    """erase, without and with --yes, and lift; what else is said goes to standard error."""
    run_apart(_promise(f"sqlite:///{tmp_path}/var/gatepost.db"))
    row = told(tmp_path, "suppressions", "add", "bob@example.com")["suppression"]
    lifted = told(tmp_path, "suppressions", "lift", row["id"])["lifted"]
    assert (row["id"], "bob@example.com") == (lifted["id"], lifted["address"])
    assert {"account": None, "messages": 1} == told(tmp_path, "erase", "ann@example.com", code=1)
    erased = told(tmp_path, "erase", "ann@example.com", "--yes")
    assert (0, 1, False) == (erased["accounts"], erased["messages"], erased["more"])


def test_a_test_message(tmp_path: Path) -> None:
    """Who took it, and after how long."""
    reply = told(tmp_path, "send-test", "ann@example.com")
    assert ("accepted", True) == (reply["outcome"], reply["took_s"] >= 0)


def test_what_came_back(tmp_path: Path) -> None:
    """A line for each, without the count that people get."""
    mails = [tmp_path / name for name in ("one.eml", "two.eml")]
    for mail in mails:
        mail.write_text("Subject: hello\n\nno report\n")
    done = gatepost(tmp_path, "feedback", "ingest", *map(str, mails), "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [str(mail) for mail in mails] == [line["mail"] for line in lines]
    assert all(line["nothing"] for line in lines)


@pytest.mark.parametrize("command", [["messages", "list"], ["suppressions", "list"], ["queue", "stats"]])
def test_a_database_that_is_not_there_prints_nothing(tmp_path: Path, command: list[str]) -> None:
    """A refusal is a sentence on standard error, and 2."""
    refused = gatepost(tmp_path, *command, "--json")
    assert (2, "", True) == (refused.returncode, refused.stdout, "there is no database" in refused.stderr)
