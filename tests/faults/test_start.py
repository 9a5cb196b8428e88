"""A start that is broken off at any moment is no obstacle to the next one."""

import asyncio
from pathlib import Path

from gatepost.testing import SubmissionServer
from tests.faults.conftest import MakeService
from tests.faults.rest import register, stopped_books
from tests.support.disk import small_disk

STEP_S = 0.05
LAST_S = 0.25
REFUSED = 2
ADDRESS = "mira@people.example"


async def test_a_first_start_may_be_killed_at_any_moment(
    tmp_path: Path, make_service: MakeService, mail: SubmissionServer
) -> None:
    """Between the first file and the last table: the next start finds its way and keeps its promises."""
    for number in range(1, 1 + round(LAST_S / STEP_S)):
        service = make_service(mail.port, folder=_made(tmp_path / str(number)))
        await asyncio.to_thread(service.start)
        await asyncio.sleep(number * STEP_S)  # the moment of the kill; nothing is waited for
        await asyncio.to_thread(service.kill)

        await asyncio.to_thread(service.start)
        await asyncio.to_thread(service.wait_until_ready)
        assert 202 == await asyncio.to_thread(register, service, ADDRESS)
        await asyncio.to_thread(stopped_books, service, mail, {ADDRESS})
        mail.messages.clear()  # the next one has a database of its own


def test_a_start_on_a_full_disk_says_so(tmp_path: Path, make_service: MakeService, mail: SubmissionServer) -> None:
    """It ends with exit code 2 and a sentence that names the file, and starts once there is space."""
    with small_disk(tmp_path / "disk", size_kib=1_024) as disk:
        disk.fill()
        service = make_service(mail.port, folder=disk.path, from_shell=True)
        service.start()
        assert REFUSED == service.wait_for_exit()
        assert str(disk.path) in service.text
        assert "full" in service.text or "No space left" in service.text
        assert "Traceback" not in service.text

        disk.free()
        service.start()
        service.wait_until_ready()
        assert 202 == register(service, ADDRESS)
        stopped_books(service, mail, {ADDRESS})


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
