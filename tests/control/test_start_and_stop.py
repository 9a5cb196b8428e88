"""The socket beside the database: how it comes, what stands in its way, and how it goes."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from gatepost.control import listener as listening
from gatepost.control.asking import NobodyListens
from gatepost.errors import DatabaseUnavailable, StartRefused
from gatepost.events import SettingWarned
from tests.support.control import HOLD, LOOK, Place, ask


async def test_only_its_user_can_connect_and_its_end_removes_it(place: Place) -> None:
    """Mode 0600, whatever the umask; closed twice does no harm, and then nobody listens."""
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
    await place.control.close()
    await place.control.close()
    assert not place.path.exists()
    with pytest.raises(NobodyListens):
        await ask(place.database, HOLD)


async def test_what_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    """Nobody listens at it, and the next owner of the file takes its place."""
    place = Place(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.path))
    with pytest.raises(NobodyListens):
        await ask(place.database, HOLD)
    await place.control.open()
    assert place.operator.answer == await ask(place.database, HOLD)
    await place.control.close()


async def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    """It may be anybody's: the service goes on without a socket, and says so once."""
    place = Place(tmp_path)
    place.path.write_text("mine")
    await place.control.open()
    (warned,) = [one.detail for one in place.heard if isinstance(one, SettingWarned)]
    assert "is there and is no socket" in warned
    await place.control.close()
    assert place.path.read_text() == "mine"


async def test_a_folder_that_cannot_be_written_is_no_reason_not_to_start(tmp_path: Path) -> None:
    """No socket can be made there: the service goes on, and says what does not work."""
    place = Place(tmp_path)
    place.control = place.beside(tmp_path / "gone" / "gatepost.db")
    await place.control.open()
    (warned,) = [one.detail for one in place.heard if isinstance(one, SettingWarned)]
    assert "`gatepost messages hold`" in warned
    await place.control.close()


async def test_a_stop_lets_an_answer_under_way_go_out(place: Place) -> None:
    """Whoever was heard is answered; whoever takes too long is told by the broken line that nobody knows."""
    place.operator.may_answer.clear()
    asking = asyncio.create_task(ask(place.database, HOLD))
    await place.operator.heard.acquire()
    closing = asyncio.create_task(place.control.close())
    await asyncio.sleep(0)
    place.operator.may_answer.set()
    await closing
    assert place.operator.answer == await asking


async def test_a_stop_does_not_wait_for_ever(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation that hangs is cut; the command says that it may be done or not."""
    monkeypatch.setattr(listening, "LAST_ANSWERS_S", 0.05)
    place.operator.may_answer.clear()
    asking = asyncio.create_task(ask(place.database, HOLD))
    await place.operator.heard.acquire()
    async with asyncio.timeout(10):
        await place.control.close()
    with pytest.raises(DatabaseUnavailable, match=f"it may be done or not: {LOOK}"):
        await asking


async def test_a_path_longer_than_an_address_works(tmp_path: Path) -> None:
    """By way of the folder's descriptor: bound, asked, removed."""
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    place = Place(folder)
    await place.control.open()
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
    assert place.operator.answer == await ask(place.database, HOLD)
    await place.control.close()
    assert not place.path.exists()


async def test_a_name_longer_than_an_address_is_told(tmp_path: Path) -> None:
    """There is no way round that: the service warns, the command names another way."""
    place = Place(tmp_path)
    database = tmp_path / ("d" * 120)
    place.control = place.beside(database)
    await place.control.open()
    assert [one for one in place.heard if isinstance(one, SettingWarned)]
    with pytest.raises(StartRefused, match="use the HTTP routes"):
        await ask(database.resolve(), HOLD)
    await place.control.close()
