"""The disk under the database is full: refused politely, never a promise without its rows, well again by itself."""

import asyncio
import json
from pathlib import Path

from gatepost.testing import SubmissionServer
from tests.faults.conftest import MakeService
from tests.faults.rest import register, stopped_books
from tests.support.disk import SmallDisk, small_disk
from tests.support.driver import Driver, registration
from tests.support.service import Service

DISK_KIB = 4_096
CLIENTS = 8
BEFORE, REFUSED, AFTER = 20, 50, 20
TURN_TIMEOUT_S = 60.0


async def test_a_full_disk_is_told_to_everybody_and_costs_nobody_anything(
    tmp_path: Path, make_service: MakeService, mail: SubmissionServer
) -> None:
    """Under load: 503 with Retry-After while it is full, 202 again when it is free, and all ledgers agree."""
    with small_disk(tmp_path / "disk", size_kib=DISK_KIB) as disk:
        service = make_service(mail.port, folder=disk.path, SHUTDOWN_GRACE_S=5)
        await asyncio.to_thread(service.start)
        await asyncio.to_thread(service.wait_until_ready)
        driver = Driver(service.port, clients=CLIENTS, seed=27)
        driving = asyncio.create_task(driver.run())
        await driver.wait_for(BEFORE)

        await _fill_until_refused(disk, driver)
        await asyncio.to_thread(_tell_what_a_full_disk_looks_like, service)
        promised_before = len(driver.acknowledged)
        disk.free()
        await driver.wait_for(promised_before + AFTER)
        driver.leave()
        await driving

        assert 202 == await asyncio.to_thread(register, service, "last@people.example")
        await asyncio.to_thread(stopped_books, service, mail, {*driver.acknowledged, "last@people.example"})
    assert [] == driver.surprises
    assert [] == [answer for answer in driver.refusals if not int(answer.fields["retry-after"]) > 0]
    assert len(mail.messages) == len({message.message_id for message in mail.messages})


async def _fill_until_refused(disk: SmallDisk, driver: Driver) -> None:
    """Filled again and again: what SQLite frees in its log meanwhile is taken too."""
    async with asyncio.timeout(TURN_TIMEOUT_S):
        while len(driver.refusals) < REFUSED:
            await asyncio.to_thread(disk.fill)


def _tell_what_a_full_disk_looks_like(service: Service) -> None:
    status, fields, body = service.post("/auth/register", **registration("nobody@people.example"))
    assert 503 == status, body
    assert "application/problem+json" == fields["content-type"]
    assert int(fields["retry-after"]) > 0
    assert 503 == json.loads(body)["status"]
    assert str(service.database) not in body.decode(), "the answer names a path of ours"
    assert 200 == service.get("/healthz")[0]
    assert service.alive
