"""The commands beside `serve`: what they print, and how they refuse."""

import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer

from gatepost.accounts.gate import Gate
from gatepost.cli.commands import cli
from gatepost.cli.send_test import compose
from gatepost.cli.text import printable
from gatepost.clock import SystemClock
from gatepost.database.opening import open_database
from gatepost.errors import InvalidRecipient
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import enqueue
from gatepost.settings import SETTINGS, Settings
from gatepost.testing import Hang, Refuse, Step, SubmissionServer
from gatepost.version import VERSION
from tests.cli.service import free_port, gatepost
from tests.support.flows import Flows
from tests.support.postgresql import Server, run_apart

PAGE = Path(__file__).parents[2] / "docs/reference/cli.md"


# Version, help, settings


def test_the_version_is_printed(tmp_path: Path) -> None:
    """`gatepost --version` is one line."""
    done = gatepost(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"gatepost {VERSION}\n")


def test_config_shows_every_setting_with_its_source_and_no_secret(tmp_path: Path) -> None:
    """The effective values, where each comes from, secrets masked, warnings on standard error; no file is made."""
    (tmp_path / "gatepost.toml").write_text('product_name = "Acme"\n')
    done = gatepost(
        tmp_path,
        "config",
        SMTP_URL="smtp://apiuser:hunter2@mail.example.com",
        SECRET_KEYS="hunter2-hunter2-hunter2-hunter2-hunter2",
        ADMIN_TOKEN="hunter2",
        SENDER="a@b.example",
        SERVICE_HOST="10.0.0.1",
    )
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert "apiuser" not in done.stdout + done.stderr
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]
    assert rows[0] == ["setting", "value", "source"]
    assert [row[0] for row in rows[1:]] == [setting.variable for setting in SETTINGS]
    assert ["GATEPOST_PRODUCT_NAME", "Acme", "gatepost.toml"] in rows
    assert ["GATEPOST_SMTP_URL", "smtp://***:***@mail.example.com:587", "environment"] in rows
    assert "Kubernetes" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["gatepost.toml"]


def test_what_strangers_wrote_cannot_steer_the_terminal() -> None:
    """Control characters are shown, not obeyed."""
    assert printable("a\x1b[31m\nb\u202e") == "a\\u001b[31m\\u000ab\\u202e"


# Migrate


def test_migrate_makes_and_migrates_the_database(tmp_path: Path) -> None:
    """It says which revision the database is at, and may be run again."""
    first, second = gatepost(tmp_path, "migrate"), gatepost(tmp_path, "migrate")
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.fullmatch(r"sqlite:////.*/var/gatepost.db is at schema revision \S+, the one .*\n", first.stdout)
    assert first.stdout == second.stdout


def test_migrate_makes_and_migrates_a_schema_on_postgresql(tmp_path: Path, postgresql_server: Server) -> None:
    """It says which revision the database is at, and may be run again; no file is made."""
    with postgresql_server.new_database() as url:
        first, second = (gatepost(tmp_path, "migrate", DATABASE_URL=url) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.fullmatch(r"postgresql://.* is at schema revision \S+, the one .*\n", first.stdout)
    assert first.stdout == second.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["migrate"], ["messages", "list"], ["worker"]])
@pytest.mark.parametrize(
    ("login", "port", "database", "words"),
    [
        ("postgres", "closed", "postgres", "it cannot be reached"),
        ("somebody", None, "postgres", "refuses this user"),
        ("postgres", None, "none", "there is no such database"),
    ],
)
def test_a_database_that_cannot_be_had_is_told(
    tmp_path: Path,
    postgresql_server: Server,
    command: list[str],
    login: str,
    port: str | None,
    database: str,
    words: str,
) -> None:
    """A sentence with the way out and without the password, and exit code 2."""
    there = urlsplit(postgresql_server.url)
    url = f"postgresql://{login}:hunter2@{there.hostname}:{free_port() if port else there.port}/{database}"
    refused = gatepost(tmp_path, *command, DATABASE_URL=url, SHUTDOWN_GRACE_S=0)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert "hunter2" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_messages_of_a_database_without_tables_are_refused(tmp_path: Path, postgresql_server: Server) -> None:
    """The command that only reads makes nothing, and names the one that does."""
    with postgresql_server.new_database() as url:
        refused = gatepost(tmp_path, "messages", "list", DATABASE_URL=url)
        assert (
            run_apart(postgresql_server.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'gatepost'", url=url)) == []
        )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "run `gatepost migrate`" in refused.stderr


async def promise_one(url: str) -> None:
    """Enqueue a message for ann@example.com."""
    draft = Draft(template="welcome", recipient="ann@example.com")
    database = await open_database(url, wait_for_owner_s=0)
    await database.write(lambda tx: enqueue(tx, draft, now_ms=SystemClock().now_ms(), domain="acme.example"))
    await database.close()


def test_messages_on_postgresql_are_listed_and_shown(tmp_path: Path, postgresql_url: str) -> None:
    """The same words for the same rows as on SQLite."""
    run_apart(promise_one(postgresql_url))
    listed = gatepost(tmp_path, "messages", "list", "--json", DATABASE_URL=postgresql_url)
    (row,) = json.loads(listed.stdout)["messages"]
    assert (row["recipient"], row["state"]) == ("ann@example.com", "queued")
    shown = gatepost(tmp_path, "messages", "show", row["id"], DATABASE_URL=postgresql_url)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"^recipient +ann@example.com$", shown.stdout, re.M)


# Messages


@pytest.fixture
async def outbox(tmp_path: Path, gate: Gate, flows: Flows) -> Path:
    """A folder whose database holds the four messages of two registrations."""
    await flows.register("ann@example.com")
    await flows.register("bob@example.com")
    return tmp_path


def messages(folder: Path, *arguments: str) -> str:
    done = gatepost(folder, "messages", *arguments, DATABASE_URL=f"sqlite:///{folder}/gatepost.db")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_messages_are_listed_newest_first(outbox: Path) -> None:
    """Beside the process that owns the database: one line each, in columns."""
    lines = messages(outbox, "list").splitlines()
    assert lines[0].split() == ["id", "created", "state", "reason", "template", "recipient", "attempts"]
    rows = [line.split() for line in lines[1:]]
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)  # an id begins with its time
    assert sorted(row[2:] for row in rows) == [
        ["queued", "verification", "ann@example.com", "0"],
        ["queued", "verification", "bob@example.com", "0"],
        ["queued", "welcome", "ann@example.com", "0"],
        ["queued", "welcome", "bob@example.com", "0"],
    ]


def test_the_list_can_be_narrowed_and_turned_over(outbox: Path) -> None:
    """By recipient, state and template, and page by page."""
    narrowed = json.loads(
        messages(
            outbox, "list", "--recipient", "ANN@Example.com", "--state", "queued", "--template", "welcome", "--json"
        )
    )
    assert [(row["recipient"], row["template"]) for row in narrowed["messages"]] == [("ann@example.com", "welcome")]
    assert narrowed["next"] is None
    first = json.loads(messages(outbox, "list", "--limit", "3", "--json"))
    second = json.loads(messages(outbox, "list", "--limit", "3", "--before", first["next"], "--json"))
    assert (len(first["messages"]), len(second["messages"])) == (3, 1)
    assert first["next"] in messages(outbox, "list", "--limit", "3").splitlines()[-1]
    assert json.loads(messages(outbox, "list", "--state", "failed", "--json"))["messages"] == []


def test_one_message_is_shown_with_its_tries(outbox: Path) -> None:
    """For people and as JSON, with instants in RFC 3339."""
    row = json.loads(messages(outbox, "list", "--json"))["messages"][0]
    shown = messages(outbox, "show", row["id"])
    summary = r"It waits for its turn to go out to example\.com, since (\d{4}-\d\d-\d\d )?\d\d:\d\d UTC\."
    assert re.fullmatch(summary, shown.splitlines()[0])
    assert re.search(r"^state +queued$", shown, re.M)
    assert re.search(r"^recipient +bob@example.com$", shown, re.M)
    assert shown.endswith("never tried\n")
    found = json.loads(messages(outbox, "show", row["id"], "--json"))
    assert re.fullmatch(summary, found.pop("summary"))
    assert found == {"message": row, "attempts": [], "feedback": [], "opens": [], "actions": [], "resent_as": []}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["created_at"])


def test_questions_that_cannot_be_answered_are_refused(outbox: Path) -> None:
    """An unknown id is 1; a bad address, a bad state or a missing database is 2; never a traceback."""
    url = f"sqlite:///{outbox}/gatepost.db"
    unknown = gatepost(outbox, "messages", "show", str(uuid.uuid4()), DATABASE_URL=url)
    assert unknown.returncode == 1
    assert "there is no message with the id" in unknown.stderr
    for arguments in (
        ["show", "x"],
        ["list", "--state", "x"],
        ["list", "--recipient", "x"],
        ["list", "--limit", "201"],
    ):
        refused = gatepost(outbox, "messages", *arguments, DATABASE_URL=url)
        assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    missing = gatepost(outbox, "messages", "list", DATABASE_URL=f"sqlite:///{outbox}/none.db")
    assert missing.returncode == 2
    assert "there is no database" in missing.stderr


# send-test


def test_send_test_submits_one_message_and_writes_no_row(tmp_path: Path) -> None:
    """Straight through the transport: the server has it, the answer is told, and there is no database."""
    with SubmissionServer.in_thread() as server:
        done = gatepost(
            tmp_path,
            "send-test",
            "bob@example.com",
            SMTP_URL=f"smtp://127.0.0.1:{server.port}",
            SENDER="Acme, Inc. <hello@acme.example>",
        )
        assert done.returncode == 0
        assert re.match(rf"Accepted by 127\.0\.0\.1:{server.port} after \d\.\d\d s: 250 ", done.stdout)
        (message,) = server.messages
    assert b"\r\nTo: bob@example.com\r\n" in message.content
    assert b'From: "Acme, Inc." <hello@acme.example>\r\n' in message.content
    assert list(tmp_path.iterdir()) == []


def test_send_test_writes_into_the_development_mailbox(tmp_path: Path) -> None:
    """Without SMTP_URL the message is in the mailbox page."""
    done = gatepost(tmp_path, "send-test", "bob@example.com")
    assert (done.returncode, done.stdout[:9]) == (0, "Accepted ")
    assert len(list((tmp_path / "var/mailbox").iterdir())) == 1


@pytest.mark.parametrize(
    ("step", "line", "expected"),
    [
        (Step.RCPT, "550 5.1.1 No such user", "Refused for good; the service would give this message up"),
        (Step.RCPT, "450 4.2.1 Try later", "Refused for now; the service would try again later"),
    ],
)
def test_send_test_says_what_the_server_said(tmp_path: Path, step: Step, line: str, expected: str) -> None:
    """What it means, who said it at which step, and the words; exit code 1."""
    with SubmissionServer.in_thread() as server:
        server.at(step, Refuse(line))
        done = gatepost(tmp_path, "send-test", "bob@example.com", SMTP_URL=f"smtp://127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{expected} (127.0.0.1:{server.port}, at {step}) after ")
    assert line[4:] in done.stdout


def test_send_test_says_when_no_server_can_be_reached(tmp_path: Path) -> None:
    """A closed port and a silent server are told in plain words."""
    closed = gatepost(tmp_path, "send-test", "bob@example.com", SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    assert closed.returncode == 1
    assert closed.stdout.startswith("No server could be reached")
    with SubmissionServer.in_thread() as server:
        server.at(Step.DOT, Hang())
        url = f"smtp://127.0.0.1:{server.port}"
        silent = gatepost(tmp_path, "send-test", "bob@example.com", SMTP_URL=url, FINAL_REPLY_TIMEOUT_S=0.2)
    assert silent.returncode == 1
    assert silent.stdout.startswith("Unknown: the line broke after the content, so the server may have taken it")


def test_send_test_refuses_what_is_no_address(tmp_path: Path) -> None:
    """Nothing goes out, and nothing can be smuggled into the header."""
    refused = gatepost(tmp_path, "send-test", "nobody")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    with pytest.raises(InvalidRecipient):
        compose(Settings(), "a@b.example\r\nBcc: c@d.example")


# The reference page


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("gatepost", typer.main.get_command(cli))]
    while waiting:
        name, command = waiting.pop()
        inner = getattr(command, "commands", {})
        waiting += [(f"{name} {word}", one) for word, one in inner.items()]
        if name == "gatepost" or not inner:
            found[name] = command
    return found


def _words(command: Any) -> list[str]:
    options = [f"`{one}" for parameter in command.params for one in parameter.opts if one.startswith("-")]
    arguments = [f"`{one.metavar or one.name.upper()}`" for one in command.params if one.param_type_name == "argument"]
    return [command.help, *options, *arguments]


def test_every_command_and_option_is_in_the_reference() -> None:
    """Each command has a section of its own, which holds its help and names all its options and arguments."""
    page = PAGE.read_text()
    sections = dict(re.findall(r"^## `(gatepost[^`]*)`\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    commands = _commands()
    missing = [
        (name, word)
        for name, command in commands.items()
        for word in _words(command)
        if word not in sections.get(name, "")
    ]
    assert missing == []
    assert set(sections) == set(commands)


def test_every_command_that_prints_data_prints_json() -> None:
    """With --json; all but those that run until they are stopped, and the one that prints nothing else."""
    without = {name for name, command in _commands().items() if "`--json" not in _words(command)}
    assert {"gatepost", "gatepost serve", "gatepost worker", "gatepost export"} == without


def test_a_shell_completes_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `gatepost --install-completion` sets it up: bash asks with these variables, and what fits comes back."""
    monkeypatch.setenv("_GATEPOST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "gatepost queue re")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert ["release"] == gatepost(tmp_path).stdout.split()
