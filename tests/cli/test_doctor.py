"""`gatepost doctor`: everything that keeps mail from going out, each with what to do; it changes nothing."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gatepost.audit.trail import Signature
from gatepost.cli.doctor import machine
from gatepost.cli.doctor.database import examine_database
from gatepost.cli.doctor.finding import Finding, Verdict
from gatepost.cli.doctor.machine import examine_clock, examine_disk, file_system_of
from gatepost.cli.doctor.servers import examine_servers
from gatepost.clock import SystemClock
from gatepost.database.opening import open_database
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.queue_hold import hold
from gatepost.settings import Settings
from gatepost.testing import Refuse, Step, SubmissionServer
from tests.cli.service import free_port, gatepost
from tests.support.certificates import Authority, make_authority
from tests.support.dns_server import Zone, dns_server, text

OK, WARNING, WRONG, SKIPPED = Verdict.OK, Verdict.WARNING, Verdict.WRONG, Verdict.SKIPPED
ZONE: Zone = {
    ("acme.example", "TXT"): [text("v=spf1 mx -all")],
    ("_dmarc.acme.example", "TXT"): [text("v=DMARC1; p=reject")],
    ("acme.example", "MX"): ["10 mx.acme.example."],
    ("mx.acme.example", "A"): ["192.0.2.1"],
}
SENDER = "Acme <hello@acme.example>"


def verdicts(found: list[Finding]) -> Mapping[str, Verdict]:
    """What each check came to."""
    return {one.check: one.verdict for one in found}


@pytest.fixture
async def url(tmp_path: Path) -> str:
    """The URL of a migrated database of nobody."""
    return await migrated(f"sqlite:///{tmp_path}/var/gatepost.db")


async def migrated(url: str) -> str:
    """Migrate a database, and let go of it."""
    await (await open_database(url, wait_for_owner_s=0)).close()
    return url


# The command


def test_where_all_is_well_it_ends_with_0(tmp_path: Path) -> None:
    """Settings, database, disk, server and DNS; nothing is written, nothing is sent, and the JSON says the same."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    before = (tmp_path / "var/gatepost.db").read_bytes()
    with SubmissionServer.in_thread() as server, dns_server(ZONE) as port:
        settings = {"SMTP_URL": f"smtp://127.0.0.1:{server.port}", "SENDER": SENDER}
        done = gatepost(tmp_path, "doctor", "--resolver", f"127.0.0.1:{port}", **settings)
        plain = gatepost(tmp_path, "doctor", "--resolver", f"127.0.0.1:{port}", "--json", **settings)
        assert [] == server.messages
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert (
        f"ok       mail server 127.0.0.1:{server.port}: reachable, without TLS, on this machine, no login, in"
        in done.stdout
    )
    assert "ok       SPF of acme.example: v=spf1 mx -all (1 of 10 lookups)\n" in done.stdout
    assert "\n0 wrong, " in done.stdout
    told = json.loads(plain.stdout)
    assert told["ok"]
    assert {"check", "verdict", "found", "advice"} == set(told["findings"][0])
    for check in ("settings", "database", "migrations", "pages", "writing", "disk", "fsync"):
        assert check in {one["check"] for one in told["findings"] if one["verdict"] == "ok"}
    assert before == (tmp_path / "var/gatepost.db").read_bytes()


def test_what_is_wrong_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    """An unknown setting, all of them; then a server that is not there, and a sender without records."""
    refused = gatepost(tmp_path, "doctor", "--json", SMPT_URL="x", SENDERR="y")
    assert 1 == refused.returncode
    found = json.loads(refused.stdout)["findings"]
    assert ["did you mean GATEPOST_SENDER?", "did you mean GATEPOST_SMTP_URL?"] == sorted(
        one["found"].split("; ")[1] for one in found
    )
    with dns_server({}) as port:
        settings = {"SMTP_URL": f"smtp://127.0.0.1:{free_port()}", "SENDER": SENDER}
        done = gatepost(tmp_path, "doctor", "--resolver", f"127.0.0.1:{port}", **settings)
    lines = done.stdout.splitlines()
    assert (1, True) == (done.returncode, lines[-1].startswith("4 wrong, "))
    for number, line in enumerate(lines):
        assert not line.startswith("wrong") or lines[number + 1].startswith("         → ")


@pytest.mark.parametrize("resolver", ["dns.example", "127.0.0.1:", "127.0.0.1:x", "[::1", "::1:x:"])
def test_a_resolver_that_is_no_address_is_refused(tmp_path: Path, resolver: str) -> None:
    """With 2, as every argument that cannot be right."""
    refused = gatepost(tmp_path, "doctor", "--resolver", resolver)
    assert (2, "") == (refused.returncode, refused.stdout)


def test_without_mail_that_leaves_the_machine_nobody_is_asked(tmp_path: Path) -> None:
    """In development, before the first start: what cannot be looked at yet is said to be so."""
    done = gatepost(tmp_path, "doctor")
    assert 0 == done.returncode
    assert [] == list(tmp_path.iterdir())
    for check in ("database", "disk", "mail server", "sender"):
        assert f"\nskipped  {check}: " in done.stdout


# The database


async def test_a_database_that_cannot_be_used_is_told(tmp_path: Path, url: str) -> None:
    """Another schema, no database at all, a damaged one; the way out is that of the start."""
    (tmp_path / "text.db").write_text("no database" * 1_000)
    (found,) = await examine_database(Settings(database_url=f"sqlite:///{tmp_path}/text.db"), 0)
    assert (WRONG, True) == (found.verdict, "text.db" in found.advice)
    file = tmp_path / "var/gatepost.db"
    pages = bytearray(file.read_bytes())
    half = len(pages) // 2 // 4096 * 4096
    pages[half : half + 64] = b"\xff" * 64
    file.write_bytes(pages)
    damaged = verdicts(await examine_database(Settings(database_url=url), SystemClock().now_ms()))
    assert WRONG == damaged.get("pages", damaged["database"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, url: str) -> None:
    """By the user who asks, who should be that of the service."""
    (tmp_path / "var").chmod(0o500)
    assert WRONG == verdicts(await examine_database(Settings(database_url=url), 0))["writing"]
    (tmp_path / "var").chmod(0o700)


async def test_a_queue_that_stands_is_told(url: str) -> None:
    """Held, nobody works, and a message waits for longer than it should."""
    now_ms = SystemClock().now_ms()
    database = await open_database(url, wait_for_owner_s=0)
    draft = Draft(template="welcome", recipient="ann@example.com")
    await database.write(lambda tx: enqueue(tx, draft, now_ms=now_ms - 3_600_000, domain="acme.example").id)
    await database.write(lambda tx: hold(tx, Signature(actor="ann"), now_ms))
    await database.close()
    found = [one for one in await examine_database(Settings(database_url=url), now_ms) if one.verdict is WARNING]
    assert ["queue", "workers", "queue"] == [one.check for one in found]
    assert ["by ann", "none lives", "waits for 1 h"] == [
        words for words, one in zip(["by ann", "none lives", "waits for 1 h"], found, strict=True) if words in one.found
    ]


async def test_postgresql_is_asked_whether_it_takes_writes_and_what_time_it_is(postgresql_url: str) -> None:
    """A server in another time is a warning; one that is away is wrong."""
    now_ms = SystemClock().now_ms()
    settings = Settings(database_url=postgresql_url)
    found = verdicts(await examine_database(settings, now_ms))
    assert {OK} == {found[check] for check in ("database", "migrations", "writing", "clock of the database")}
    late = verdicts(await examine_database(settings, now_ms - 60_000))
    assert WARNING == late["clock of the database"]
    away = await examine_database(Settings(database_url=f"postgresql://me:hunter2@127.0.0.1:{free_port()}/x"), now_ms)
    assert ([WRONG], False) == ([one.verdict for one in away], "hunter2" in str(away))


# The machine


def test_the_disk_is_looked_at_and_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room and the time of a durable write, against bounds with a name."""
    settings = Settings(database_url=f"sqlite:///{tmp_path}/gatepost.db")
    assert {OK} == {verdicts(examine_disk(settings))[check] for check in ("disk", "fsync")}
    monkeypatch.setattr(machine, "SLOW_SYNC_MS", 0)
    monkeypatch.setattr(machine, "LOW_BYTES", 2**62)
    assert {WARNING} == {verdicts(examine_disk(settings))[check] for check in ("disk", "fsync")}
    monkeypatch.setattr(machine, "TOO_LOW_BYTES", 2**62)
    assert WRONG == verdicts(examine_disk(settings))["disk"]
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "verdict"), [("ext4", OK), ("tmpfs", WRONG), ("nfs4", WRONG)])
def test_what_forgets_or_is_elsewhere_is_no_place_for_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, verdict: Verdict
) -> None:
    """The innermost mount counts, as the system lists them."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:1 / / rw - overlay none rw\n"
        f"23 22 0:2 / {tmp_path} rw,noatime shared:1 - {kind} none rw\n"
        f"24 22 0:3 / {tmp_path}-other rw - xfs none rw\n"
    )
    assert (kind, "overlay") == (file_system_of(tmp_path / "var", mounts), file_system_of(Path("/srv"), mounts))
    assert "" == file_system_of(tmp_path, tmp_path / "none")
    monkeypatch.setattr(machine, "file_system_of", lambda folder: kind)
    assert verdict == verdicts(examine_disk(Settings(database_url=f"sqlite:///{tmp_path}/gatepost.db")))["file system"]


def test_a_clock_before_this_version_is_wrong() -> None:
    """Whether anything keeps it the system says, or does not."""
    assert [WRONG] == [one.verdict for one in examine_clock(0)]
    assert examine_clock(2e9)[0].verdict in (OK, WARNING, SKIPPED)


# The mail server


async def looked_at(port: int, *, scheme: str = "smtp", login: str = "", authority: Authority | None = None) -> Any:
    """What the doctor finds at a server on loopback."""
    settings = Settings(smtp_url=f"{scheme}://{login}127.0.0.1:{port}")
    return await examine_servers(settings, None if authority is None else authority.trusting())


async def test_tls_and_login_are_tried_and_nothing_is_submitted(tmp_path: Path) -> None:
    """Up to the point where MAIL may be sent; a certificate that ends soon is a warning."""
    authority = make_authority(tmp_path)
    context = authority.serving("IP:127.0.0.1")
    async with SubmissionServer(ssl_context=context, tls="implicit", credentials=("ann", "right")) as server:
        good, soon = await looked_at(server.port, scheme="smtps", login="ann:right@", authority=authority)
        assert (OK, True) == (good.verdict, good.found.startswith("reachable, TLSv1.3, the login is accepted, in"))
        assert (WARNING, True) == (soon.verdict, soon.found.startswith("its certificate ends in 0 days"))
        (refused,) = await looked_at(server.port, scheme="smtps", login="ann:wrong@", authority=authority)
        assert (WRONG, True, True) == (
            refused.verdict,
            refused.found.startswith("at auth: 535"),
            "%40" in refused.advice,
        )
        (strange,) = await looked_at(server.port, scheme="smtps", login="ann:right@")
        assert (WRONG, True) == (
            strange.verdict,
            strange.found.startswith("at tls: The server's certificate was refused"),
        )
        assert [] == server.messages
    assert "wrong@" not in str(refused)


async def test_each_server_is_looked_at(tmp_path: Path) -> None:
    """Of two that are named one is away and one does not want to talk."""
    async with SubmissionServer() as server:
        server.at(Step.EHLO, Refuse("550 5.7.1 Not from there"))
        settings = Settings(smtp_url=f"smtp://127.0.0.1:{free_port()},smtp://127.0.0.1:{server.port}")
        away, rude = await asyncio.wait_for(examine_servers(settings), 20)
    assert [WRONG, WRONG] == [away.verdict, rude.verdict]
    assert ["at connect: No connection", "at greeting: 550"] == [away.found[:25], rude.found[:16]]
