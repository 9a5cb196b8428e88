"""gatepost accounts: found, shown and put right, through the running service or alone."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

from tests.cli.service import Done, free_port, gatepost, running

UID = f"command line (uid {os.getuid()})"
KEYS = {"SECRET_KEYS": "0123456789abcdefghijklmnopqrstuv"}
WRONG, RIGHT = "ada@exmaple.com", "ada@example.com"
WHY = ("--reason", "told on the phone")


def _command(folder: Path, *arguments: str) -> Done:
    return gatepost(folder, "accounts", *arguments, **KEYS)


def _answered(folder: Path, *arguments: str) -> Any:
    done = _command(folder, *arguments, "--json")
    assert (0, "") == (done.returncode, done.stderr), done
    return json.loads(done.stdout)


def _found(folder: Path, what: str) -> list[str]:
    return [one["email"] for one in _answered(folder, "find", what)["accounts"]]


def _corrects(folder: Path) -> str:
    """Beside the service that registered them: find, correct, look; returns the id."""
    (account,) = _answered(folder, "find", WRONG)["accounts"]
    id = str(account["id"])
    corrected = _answered(folder, "correct-address", id, RIGHT, *WHY)
    assert (RIGHT, None) == (corrected["account"]["email"], corrected["withheld"])
    assert ([], [RIGHT], [RIGHT]) == (_found(folder, WRONG), _found(folder, "DA@exam"), _found(folder, id))
    again = _command(folder, "correct-address", id, "bo@example.com")
    assert (1, "") == (again.returncode, again.stdout)
    assert "Another account has this address" in again.stderr
    seen = _answered(folder, "show", RIGHT)
    assert [corrected["message"]] == [one["id"] for one in seen["messages"]]
    assert [(WRONG, RIGHT)] == [(one["old_email"], one["new_email"]) for one in seen["changes"]]
    assert [("correct_address", UID, WHY[1])] == [(one["action"], one["actor"], one["reason"]) for one in seen["deeds"]]
    return id


def _does_the_rest(folder: Path, id: str) -> None:
    """With no service running, in the process of the command itself."""
    told = []
    for action in ("start-reset", "start-reset", "end-sessions", "disable", "start-reset", "enable"):
        done = _command(folder, action, id, *WHY)
        told.append((action, done.returncode, done.stderr.partition(": ")[2].partition(" message")[0].strip()))
    disabled = "The account is disabled, so nothing is written to its owner: enable it first."
    assert [
        ("start-reset", 0, ""),
        ("start-reset", 0, "no mail goes out:"),
        ("end-sessions", 0, ""),
        ("disable", 0, ""),
        ("start-reset", 1, disabled),
        ("enable", 0, ""),
    ] == told
    shown = _command(folder, "show", id)
    assert (0, "") == (shown.returncode, shown.stderr)
    for word in (RIGHT, "not verified", "password_reset", "start_reset", "end_sessions", WHY[1]):
        assert word in shown.stdout


def _misses(folder: Path) -> None:
    """Every id of nothing is one sentence and 1; what cannot be used is 2."""
    nobody = str(uuid.UUID(int=7))
    for arguments in (("show", nobody), ("show", "nobody@example.com"), ("show", "ada"), ("disable", nobody)):
        done = _command(folder, *arguments)
        assert (1, "", "gatepost: there is no such account;") == (done.returncode, done.stdout, done.stderr[:35])
    (bo,) = _answered(folder, "find", "bo@example.com")["accounts"]
    done = _command(folder, "end-sessions", bo["id"], "--session", nobody)
    assert (1, "gatepost: the account has no such session.\n") == (done.returncode, done.stderr)
    assert 2 == _command(folder, "correct-address", bo["id"], "no address").returncode
    assert 2 == _command(folder, "disable", bo["id"], "--reason", "x" * 501).returncode
    listed = _command(folder, "find", "@example")
    assert (0, 3) == (listed.returncode, listed.stdout.count("\n"))
    assert "newest 20,000" in listed.stderr


def test_accounts_are_found_and_put_right_beside_a_service_and_without_one(tmp_path: Path) -> None:
    """The same words either way; the log of the service tells of what it did, with no address in it."""
    with running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{free_port()}", **KEYS) as service:
        service.ready()
        for email in (WRONG, "bo@example.com"):
            assert 202 == service.register(email)
        id = _corrects(tmp_path)
        service.stop()
        assert 0 == service.wait()
        (told,) = [one for one in service.events() if one["event"] == "account_acted_on"]
        assert (UID, "correct_address", id) == (told["actor"], told["action"], told["account_id"])
    _does_the_rest(tmp_path, id)
    _misses(tmp_path)
