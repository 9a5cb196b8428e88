"""`gatepost export` and `gatepost erase`, beside a running service and without one."""

import json
from pathlib import Path

from tests.cli.service import free_port, gatepost, running
from tests.support.postgresql import Server, run_apart

ANN = "ann@example.com"


def nowhere() -> str:
    """The URL of a mail server that cannot be reached, so that messages wait."""
    return f"smtp://127.0.0.1:{free_port()}"


def _in_files(folder: Path) -> list[str]:
    """Which files of the database hold the address."""
    return sorted(one.name for one in (folder / "var").glob("gatepost.db*") if one.is_file() and _holds(one))


def _holds(file: Path) -> bool:
    return ANN.encode() in file.read_bytes()


def test_s118_beside_a_running_service_a_person_is_erased(tmp_path: Path) -> None:
    """The service does it: its log says so without the address, no byte is left in its files, and it goes on."""
    with running(tmp_path, SMTP_URL=nowhere()) as service:
        service.ready()
        assert service.register(ANN) == 202
        told = json.loads(gatepost(tmp_path, "export", ANN).stdout)
        assert (ANN, {"verification", "welcome"}) == (
            told["account"]["email"],
            {one["template"] for one in told["messages"]},
        )
        assert _in_files(tmp_path)
        asked = gatepost(tmp_path, "erase", ANN)
        assert (asked.returncode, "an account and 2 messages" in asked.stdout, "--yes" in asked.stderr) == (
            1,
            True,
            True,
        )
        done = gatepost(tmp_path, "erase", ANN, "--yes")
        while done.returncode == 1:  # one is being tried at this moment
            assert "run it again" in done.stderr
            done = gatepost(tmp_path, "erase", ANN, "--yes")
        assert (done.returncode, done.stderr, done.stdout[:8]) == (0, "", "erased: ")
        assert [] == _in_files(tmp_path)
        told = json.loads(gatepost(tmp_path, "export", ANN).stdout)
        assert (told["account"], told["messages"]) == (None, [])
        assert service.register(ANN) == 202
        service.stop()
        assert service.wait() == 0
        events = [event for event in service.events() if event["event"] == "person_erased"]
    assert 1 <= len(events)
    assert ANN not in json.dumps(events)


def test_s118_without_a_service_the_command_does_it(tmp_path: Path) -> None:
    """It owns the file for the moment."""
    with running(tmp_path, SMTP_URL=nowhere()) as service:
        service.ready()
        assert service.register(ANN) == 202
        service.stop()
        assert service.wait() == 0
    done = gatepost(tmp_path, "erase", ANN, "--yes")
    assert (done.returncode, done.stdout) == (0, "erased: 1 accounts, 2 messages, and what else there was\n")
    assert [] == _in_files(tmp_path)


def test_on_postgresql_what_is_left_to_its_administrator_is_said(tmp_path: Path, postgresql_server: Server) -> None:
    """The rows are gone; the bytes are the server's."""
    url = run_apart(postgresql_server.create_database("erased"))
    assert gatepost(tmp_path, "migrate", DATABASE_URL=url).returncode == 0
    done = gatepost(tmp_path, "erase", ANN, "--yes", DATABASE_URL=url)
    assert (done.returncode, "0 accounts, 0 messages" in done.stdout) == (0, True)
    assert "erase-a-person.md" in done.stderr
    run_apart(postgresql_server.drop_database("erased"))


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    """By both, before anything is done."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    for command in (["export", "ann"], ["erase", "ann"], ["erase", "ann", "--yes"]):
        done = gatepost(tmp_path, *command)
        assert (done.returncode, done.stdout) == (2, "")
