"""`gatepost feedback ingest`: from a pipe, from files and from a Maildir, beside a running service or without one."""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatepost.cli.feedback import EX_TEMPFAIL
from gatepost.cli.incoming import incoming
from gatepost.feedback.entity import MAX_MAIL_BYTES
from gatepost.testing import AcceptedMessage, SubmissionServer
from tests.cli.service import GATEPOST, Done, Service, environment, gatepost, running, until
from tests.feedback.reports import COMPLAINT, GMAIL, MESSAGE_ID, POSTFIX, RETURN_PATH

BOUNCES = "bounces@mail.tideline.example"
ANSWER = "To: bounces@mail.tideline.example\nSubject: Re: hello\n\nI am on a boat until Monday.\n"


@pytest.fixture
def smtp() -> Iterator[SubmissionServer]:
    """A server that takes everything."""
    with SubmissionServer.in_thread() as server:
        yield server


def settings_for(smtp: SubmissionServer, **more: object) -> dict[str, Any]:
    """Settings of a service and of commands beside it."""
    return {"SMTP_URL": f"smtp://127.0.0.1:{smtp.port}", "RETURN_PATH": BOUNCES, **more}


def ingest(folder: Path, *arguments: str | Path, mail: str | bytes = b"", **settings: object) -> Done:
    """Run the command with a mail on its standard input."""
    raw = mail.encode() if isinstance(mail, str) else mail
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return gatepost(folder, "feedback", "ingest", *map(str, arguments), **settings)


def shown(folder: Path, id: str, **settings: object) -> dict[str, Any]:
    """One message with everything about it."""
    found: dict[str, Any] = json.loads(gatepost(folder, "messages", "show", id, "--json", **settings).stdout)
    return found


def suppressed(folder: Path, **settings: object) -> list[tuple[str, str, str]]:
    """Who is suppressed, for which reason and by whose word."""
    done = gatepost(folder, "suppressions", "list", "--json", **settings)
    return [(one["address"], one["reason"], one["source"]) for one in json.loads(done.stdout)["suppressions"]]


def accepted(service: Service, smtp: SubmissionServer, **settings: object) -> tuple[str, AcceptedMessage]:
    """Register somebody, and wait until the welcome is accepted; its id, and what the server took."""
    service.ready()
    assert service.register("gone@example.com") == 202
    until(lambda: len(smtp.messages) == 2)

    def welcome() -> dict[str, Any]:
        done = gatepost(service.folder, "messages", "list", "--json", "--template", "welcome", **settings)
        (found,) = json.loads(done.stdout)["messages"]
        return dict(found)

    until(lambda: welcome()["state"] == "accepted")
    (taken,) = (one for one in smtp.messages if b"List-Id: <welcome." in one.content)
    return str(welcome()["id"]), taken


def about(sample: str, taken: AcceptedMessage) -> str:
    """A report about this message."""
    own = next(line for line in taken.content.decode().splitlines() if line.startswith("Message-ID: "))
    return sample.replace(RETURN_PATH, taken.return_path).replace(f"Message-ID: <{MESSAGE_ID}>", own)


def maildir(folder: Path, **mails: str) -> Path:
    """A Maildir with these new mails."""
    made = folder / "Maildir"
    for name in ("tmp", "new", "cur"):
        (made / name).mkdir(parents=True)
    for name, mail in mails.items():
        (made / "new" / name).write_text(mail)
    return made


def test_a_bounce_sent_to_the_return_path_moves_its_message(tmp_path: Path, smtp: SubmissionServer) -> None:
    """From MAIL FROM on the wire over a report to the state: bounced, once, and the address is suppressed."""
    settings = settings_for(smtp)
    with running(tmp_path, **settings) as service:
        id, taken = accepted(service, smtp)
        assert taken.return_path.startswith("bounces+")
        report = about(POSTFIX, taken).replace("Message-ID:", "X-Was:")  # the return path alone says which message
        first, again = (ingest(tmp_path, mail=report, **settings) for _ in range(2))
        line = f"standard input: bounced 5.1.1 (hard): applied to message {id}, which is bounced now\n"
        assert (0, line, "") == (first.returncode, first.stdout, first.stderr)
        assert (0, f"standard input: bounced 5.1.1 (hard): repeated to message {id}\n") == (
            again.returncode,
            again.stdout,
        )
        found = shown(tmp_path, id)
        assert "bounced" == found["message"]["state"]
        assert [("gone@example.com", "hard_bounce", "dsn")] == suppressed(tmp_path)
        service.stop()
        assert 0 == service.wait()
        told = [one for one in service.events() if one["event"] == "feedback_received"]
    assert [("dsn", "applied"), ("dsn", "repeated")] == [(one["source"], one["outcome"]) for one in told]


def test_without_a_service_the_command_writes_by_itself(tmp_path: Path, smtp: SubmissionServer) -> None:
    """SQLite: it owns the file for the moment; without RETURN_PATH the Message-ID says which message it is."""
    settings = {"SMTP_URL": f"smtp://127.0.0.1:{smtp.port}"}
    with running(tmp_path, **settings) as service:
        id, taken = accepted(service, smtp)
        service.stop()
        assert 0 == service.wait()
    assert "+" not in taken.return_path
    done = ingest(tmp_path, "-", mail=about(POSTFIX, taken), **settings)
    assert (0, "") == (done.returncode, done.stderr)
    assert "bounced" == shown(tmp_path, id)["message"]["state"]


def test_on_postgresql_it_writes_beside_the_service(
    tmp_path: Path, smtp: SubmissionServer, postgresql_url: str
) -> None:
    """No socket is needed; a complaint suppresses the address for all but security mail."""
    settings = settings_for(smtp, DATABASE_URL=postgresql_url)
    with running(tmp_path, **settings) as service:
        id, taken = accepted(service, smtp, **settings)
        done = ingest(tmp_path, mail=about(COMPLAINT, taken), **settings)
        line = f"standard input: complained: applied to message {id}, which is accepted now\n"
        assert (0, line, "") == (done.returncode, done.stdout, done.stderr)
        assert [("gone@example.com", "complaint", "arf")] == suppressed(tmp_path, **settings)


def test_a_maildir_is_read_once(tmp_path: Path, smtp: SubmissionServer) -> None:
    """Reports and mails that are none are seen afterwards; what is no mail of the mail server's is left where it is."""
    settings = settings_for(smtp)
    with running(tmp_path, **settings) as service:
        id, taken = accepted(service, smtp)
        box = maildir(
            tmp_path, **{"1.a": ANSWER, "2.b": about(POSTFIX, taken), "3.c": GMAIL, "4.d": "x" * (MAX_MAIL_BYTES + 1)}
        )
        (tmp_path / "elsewhere").write_text(POSTFIX)
        (box / "new" / "5.e").symlink_to(tmp_path / "elsewhere")
        os.mkfifo(box / "new" / "6.f")
        (box / "new" / ".hidden").write_text(POSTFIX)
        done = ingest(tmp_path, box, **settings)
        assert (0, "") == (done.returncode, done.stderr)
        assert [
            f"{box}/new/1.a is no delivery report (RFC 3464) and no feedback report (RFC 5965)",
            f"{box}/new/4.d is longer than 1,048,576 bytes and was not read",
            f"{box}/new/2.b: bounced 5.1.1 (hard): applied to message {id}, which is bounced now",
            f"{box}/new/3.c: bounced 5.1.1 (hard): about no message that is known, unmatched",
            "4 mails: 1 applied, 2 no report, 1 unmatched",
        ] == done.stdout.splitlines()
        assert ["1.a:2,S", "2.b:2,S", "3.c:2,S", "4.d:2,S"] == sorted(os.listdir(box / "cur"))
        assert [".hidden", "5.e", "6.f"] == sorted(os.listdir(box / "new"))
        assert "0 mails\n" == ingest(tmp_path, box, **settings).stdout


def test_more_mails_than_one_order_takes_are_all_read(tmp_path: Path, smtp: SubmissionServer) -> None:
    """A Maildir of fifty reports is done in one run, over the control socket."""
    settings = settings_for(smtp)
    with running(tmp_path, **settings) as service:
        _, taken = accepted(service, smtp)
        report = about(POSTFIX, taken)
        box = maildir(tmp_path, **{f"{n:02}": report.replace("9F07F2A50A2", f"{n:011}") for n in range(50)})
        done = ingest(tmp_path, box, **settings)
        assert (0, "50 mails: 50 applied") == (done.returncode, done.stdout.splitlines()[-1])
        assert 50 == len(os.listdir(box / "cur"))


def test_too_many_mailboxes_that_do_not_exist_are_not_believed(tmp_path: Path, smtp: SubmissionServer) -> None:
    """From the eleventh of fifty on nobody is suppressed: each run says why, and the service raises one alarm."""
    settings = settings_for(smtp)
    with running(tmp_path, **settings) as service:
        service.ready()
        assert {202} == {service.register(f"gone-{number}@example.com") for number in range(6)}
        until(lambda: len(smtp.messages) == 12)
        shown = lambda: json.loads(gatepost(tmp_path, "messages", "list", "--json").stdout)["messages"]  # noqa: E731
        until(lambda: {"accepted"} == {one["state"] for one in shown()})
        said = [
            ingest(tmp_path, mail=POSTFIX.replace(RETURN_PATH, one.return_path).replace("9F07F2A50A2", f"{number:011}"))
            for number, one in enumerate(smtp.messages)
        ]
        warned = [done for done in said if "something else is wrong, and nobody is suppressed for it" in done.stderr]
        assert {0} == {done.returncode for done in said}
        assert {"bounced"} == {one["state"] for one in shown()}
        service.stop()
        assert 0 == service.wait()
        alarms = [one for one in service.events() if one["event"] == "bounces_unusual"]
    assert (2, 1) == (len(warned), len(alarms))


def test_files_are_read_and_left_alone(tmp_path: Path) -> None:
    """Each file is one mail, with or without the `From ` line of a mailbox."""
    assert 0 == gatepost(tmp_path, "migrate").returncode
    (tmp_path / "one.eml").write_text(POSTFIX)
    (tmp_path / "two.eml").write_text("From MAILER-DAEMON Tue Nov 24 00:03:10 2026\n" + POSTFIX)
    done = ingest(tmp_path, "one.eml", "two.eml")
    assert (0, "2 mails: 1 repeated, 1 unmatched") == (done.returncode, done.stdout.splitlines()[-1])
    assert (tmp_path / "one.eml").read_text() == POSTFIX


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "there is no database"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, ""),
        ({"WORKER_SLOTS": "many"}, "GATEPOST_WORKER_SLOTS must be"),
        ({"SMTP_URI": "smtp://127.0.0.1", "WORKER_SLOTS": "many"}, "'many'.\ngatepost: "),
    ],
)
def test_what_cannot_be_kept_now_is_for_later(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    """A mail server keeps the mail when the code is 75, and a mail in a Maildir stays new; nothing is made."""
    box = maildir(tmp_path, one=POSTFIX)
    for done in (ingest(tmp_path, mail=POSTFIX, **settings), ingest(tmp_path, box, **settings)):
        assert EX_TEMPFAIL == done.returncode
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert "\\u000a" not in done.stderr  # each problem has a line
        assert done.stderr.endswith("gatepost: nothing is lost: read the same mail again later\n")
    assert ["one"] == os.listdir(box / "new")
    assert ["Maildir"] == os.listdir(tmp_path)


def test_a_bug_loses_no_mail_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own exit code would have the mail server return the report to nobody."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("gatepost.cli.feedback.read_mail", broken)
    done = ingest(tmp_path, mail=POSTFIX)
    assert EX_TEMPFAIL == done.returncode
    assert "ZeroDivisionError: a bug" in done.stderr


def test_a_mail_that_is_no_report_is_taken(tmp_path: Path) -> None:
    """The mail server must neither keep it nor return it: the code is 0, and a line says why nothing came of it."""
    for mail in (ANSWER, ""):
        done = ingest(tmp_path, mail=mail)
        line = "standard input is no delivery report (RFC 3464) and no feedback report (RFC 5965)\n"
        assert (0, line, "") == (done.returncode, done.stdout, done.stderr)
    assert [] == os.listdir(tmp_path)


def test_a_folder_that_is_no_maildir_is_refused(tmp_path: Path) -> None:
    """An argument that cannot be right is told as such, and so is one that is not there."""
    for path in (tmp_path, tmp_path / "nothing"):
        assert 2 == ingest(tmp_path, path).returncode


def test_a_mail_of_any_length_is_taken_to_its_end(tmp_path: Path) -> None:
    """A pipe that is closed early would be an error to the mail server: what is too long is passed over."""
    command = [*GATEPOST, "feedback", "ingest"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running_command:
        assert running_command.stdin is not None
        running_command.stdin.write("x" * (5 * MAX_MAIL_BYTES))  # fails when the other end is closed
        running_command.stdin.close()
        assert running_command.stdout is not None
        said = running_command.stdout.read()
    line = "standard input is longer than 1,048,576 bytes and was not read\n"
    assert (0, line) == (running_command.returncode, said)


def test_no_more_of_a_mail_is_held_than_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a mail that is too long one byte more than the bound is taken, wherever it comes from."""
    box = maildir(tmp_path, one="x" * 100)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 100)))
    mails = list(incoming([box, box / "new" / "one", Path("-")], most_bytes=10))
    assert [b"x" * 11] * 3 == [mail.raw for mail in mails]
    assert [box / "new" / "one", None, None] == [mail.file for mail in mails]
