"""What refuses a start, what is waited for, and the sentence a person reads."""

import asyncio
import importlib.util
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gatepost.database.opening import open_database, open_for_reading
from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.postgresql_session import OLDEST_VERSION, unfitness
from gatepost.errors import StartRefused
from tests.postgresql.conftest import opened
from tests.support.postgresql import Cluster, Server

FIT = {"version": OLDEST_VERSION, "in_recovery": False, "read_only": False, "synchronous_commit": "on"}


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
        return port


async def refused(url: str) -> str:
    """Open, be refused, and return the sentence, which repeats no password."""
    with pytest.raises(StartRefused) as refusal:
        await open_database(url, wait_for_owner_s=0)
    assert "hunter2" not in str(refusal.value)
    return str(refusal.value)


async def test_nobody_listens(free_port: int) -> None:
    """The sentence names the database, host and port, and what to look at."""
    sentence = await refused(f"postgresql://postgres:hunter2@127.0.0.1:{free_port}/mail")
    assert sentence.startswith(
        f"cannot use the PostgreSQL database mail on 127.0.0.1:{free_port}: it cannot be reached;"
    )


async def test_a_database_that_is_missing(postgresql_server: Server) -> None:
    """Waiting would not make it."""
    assert "there is no such database; create it" in await refused(postgresql_server.url_of("missing"))


async def test_a_wrong_password(own_server: Cluster, own_url: str) -> None:
    """Waiting would not make it right."""
    rules = own_server.data / "pg_hba.conf"
    before = rules.read_text()
    with own_server.role(own_url) as url:
        try:
            rules.write_text(f"host all {urlsplit(url).username} 127.0.0.1/32 scram-sha-256\n{before}")
            await own_server.execute("SELECT pg_reload_conf()")
            sentence = await refused(url.replace("hunter2", "hunter2-wrong"))
        finally:
            rules.write_text(before)
            await own_server.execute("SELECT pg_reload_conf()")
    assert "it refuses this user; see user name and password" in sentence


async def test_a_user_who_may_not_make_the_schema(own_server: Cluster, own_url: str) -> None:
    """The sentence holds the line an administrator runs, and with that line it works."""
    with own_server.role(own_url) as url:
        sentence = await refused(url)
        line = sentence.partition("`")[2].partition("`")[0]
        assert f"CREATE SCHEMA gatepost AUTHORIZATION {urlsplit(url).username}" == line
        await own_server.execute(line, url=own_url)
        async with opened(url) as database:
            await database.ready()


async def test_a_user_who_may_not_use_the_schema(postgresql_server: Server, postgresql_url: str) -> None:
    """A schema that is somebody else's is told as that."""
    with postgresql_server.role(postgresql_url) as url:
        sentence = await refused(url)
        assert f"`ALTER SCHEMA gatepost OWNER TO {urlsplit(url).username}`" in sentence


async def test_an_option_nobody_knows(postgresql_url: str) -> None:
    """What asyncpg does not know is a setting of the session, and the server says that it has none of that name."""
    assert "unrecognized configuration parameter" in await refused(f"{postgresql_url}?colour=blue")


async def test_a_file_that_is_missing(postgresql_url: str, tmp_path: Path) -> None:
    """A certificate that is not there is told as that, and not as a server that is away."""
    sentence = await refused(f"{postgresql_url}?sslmode=verify-full&sslrootcert={tmp_path}/ca.pem")
    assert sentence.endswith(f": sslrootcert in GATEPOST_DATABASE_URL names {tmp_path}/ca.pem, which is no file.")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": OLDEST_VERSION - 1}, "it is version 13; Gatepost needs PostgreSQL 14 or newer"),
        ({"in_recovery": True}, "it is a standby"),
        ({"read_only": True}, "default_transaction_read_only is on"),
        ({"synchronous_commit": "off"}, "synchronous_commit is off"),
    ],
)
def test_a_server_that_is_unfit(change: dict[str, object], sentence: str) -> None:
    """Too old, or nothing durable can be promised there."""
    assert sentence in str(unfitness(FIT | change))


def test_a_server_that_is_fit() -> None:
    """The oldest version, and every kind of synchronous_commit that waits for the disk."""
    kinds = ("on", "local", "remote_write", "remote_apply")
    assert [None] * 4 == [unfitness(FIT | {"synchronous_commit": kind}) for kind in kinds]


async def test_a_server_that_is_starting_is_waited_for(own_server: Cluster, own_url: str) -> None:
    """One sentence tells of the wait, and the start goes on when the server does."""
    told: asyncio.Queue[str] = asyncio.Queue()
    await asyncio.to_thread(own_server.stop)
    try:
        opening = asyncio.create_task(PostgresqlDatabase.open(own_url, wait_s=30, on_waiting=told.put_nowait))
        async with asyncio.timeout(30):
            assert "waiting up to 30 s for the PostgreSQL database" in await told.get()
    finally:
        await asyncio.to_thread(own_server.start)
    await (await opening).close()
    assert told.empty()


async def test_a_start_can_be_cancelled_while_it_waits(free_port: int) -> None:
    """Ctrl-C ends the wait."""
    waiting = asyncio.Event()
    opening = asyncio.create_task(
        PostgresqlDatabase.open(
            f"postgresql://postgres@127.0.0.1:{free_port}/mail", wait_s=30, on_waiting=lambda _: waiting.set()
        )
    )
    async with asyncio.timeout(30):
        await waiting.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_a_server_that_does_not_sync_is_warned_about(postgresql_url: str) -> None:
    """It is accepted, for tests have one, and told."""
    async with opened(postgresql_url) as database:
        assert [True, True] == [
            warning.startswith(f"{name} is off for the PostgreSQL database")
            for name, warning in zip(("fsync", "full_page_writes"), database.warnings, strict=True)
        ]


async def test_the_login_is_not_shown(postgresql_url: str) -> None:
    """What is logged as the database's URL has neither user nor password."""
    parts = urlsplit(postgresql_url)
    url = parts._replace(netloc=parts.netloc.replace("@", ":hunter2@")).geturl()
    async with opened(url) as database:
        assert f"postgresql://***@{parts.hostname}:{parts.port}{parts.path}" == database.url
    reader = await open_for_reading(url)
    assert database.url == reader.url
    await reader.close()


async def test_reading_a_database_without_our_schema_is_refused(own_url: str) -> None:
    """The command line migrates nothing, and says how to."""
    with pytest.raises(StartRefused, match=r"has schema revision none.*run `gatepost migrate`"):
        await open_for_reading(own_url)


@pytest.mark.parametrize("name", ["asyncpg", "greenlet"])
async def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """PostgreSQL's parts come with `gatepost[postgres]`."""
    assert importlib.util.find_spec(name) is not None
    monkeypatch.setitem(sys.modules, name, None)
    sentence = await refused("postgresql://postgres:hunter2@127.0.0.1/mail")
    assert f"{name} is not installed here" in sentence
    assert 'pip install "gatepost[postgres]"' in sentence
