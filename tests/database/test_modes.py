"""Whose eyes the files are for: the service's own user, whatever the umask and whoever copied them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.database.sqlite import SqliteDatabase
from tests.database.conftest import create_notes, note, notes
from tests.support.service import Service


@pytest.fixture
def careless() -> Iterator[None]:
    """A process whose files are open to everybody unless somebody says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """The mode of everything under a folder, by its path."""
    return {
        str(one.relative_to(folder)): stat.filemode(one.lstat().st_mode)
        for one in sorted(folder.rglob("*"))
        if not one.is_socket()
    }


@pytest.mark.usefixtures("careless")
async def test_s119_the_database_is_for_its_user_alone(tmp_path: Path) -> None:
    """File, log, index of the log, lock and every folder that was made for them, with a umask of 0."""
    database = await SqliteDatabase.open(tmp_path / "deep" / "down" / "gatepost.db", wait_for_owner_s=0)
    await database.write(create_notes)
    await database.write(note("kept"))
    assert ["kept"] == await database.read(notes)
    files = {f"deep/down/gatepost.db{suffix}": "-rw-------" for suffix in ("", ".lock", "-wal", "-shm")}
    assert {"deep": "drwx------", "deep/down": "drwx------", **files} == modes(tmp_path)
    await database.close()


@pytest.mark.usefixtures("careless")
async def test_s119_what_was_put_back_open_to_everybody_is_closed_again(tmp_path: Path) -> None:
    """A restored backup loses the rights of everybody else; what a group may do was somebody's choice and stays."""
    path = tmp_path / "gatepost.db"
    await (await SqliteDatabase.open(path, wait_for_owner_s=0)).close()
    for was, becomes in ((0o644, "-rw-r-----"), (0o666, "-rw-rw----"), (0o640, "-rw-r-----"), (0o600, "-rw-------")):
        path.chmod(was)
        database = await SqliteDatabase.open(path, wait_for_owner_s=0)
        await database.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar())
        found = modes(tmp_path)
        await database.close()
        assert {becomes} == {mode for name, mode in found.items() if not name.endswith(".lock")}


@pytest.mark.usefixtures("careless")
def test_s119_a_service_leaves_nothing_for_others_to_read(tmp_path: Path) -> None:
    """Everything a service in development makes: database, key, lock, socket and mailbox."""
    service = Service(tmp_path / "home", DATABASE_URL=f"sqlite:///{tmp_path}/home/var/gatepost.db", SECRET_KEYS="")
    (tmp_path / "home").mkdir(mode=0o700)
    service.settings.pop("SECRET_KEYS")
    service.start()
    try:
        service.wait_until_ready()
        assert 202 == service.post("/auth/register", email="ada@example.com", password="sandpiper quartz ladle")[0]
        service.wait_for_log("message_accepted", count=2)
        made = list((tmp_path / "home").rglob("*"))
        assert {"gatepost.db", "secret.key", "mailbox"} <= {one.name for one in made}
        assert [] == [str(one) for one in made if stat.S_IMODE(one.lstat().st_mode) & 0o077]
    finally:
        service.close()
