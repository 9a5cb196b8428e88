"""A disk of the server that is full: told, nothing kept, and over without a restart."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert

from gatepost.errors import DatabaseUnavailable
from tests.conformance.database.conftest import note, notes, table
from tests.postgresql.conftest import opened
from tests.support.disk import SmallDisk, small_disk
from tests.support.postgresql import Cluster, run_apart

_ONE_MIB = 2**20


@pytest.fixture
def disk(own_server: Cluster) -> Iterator[SmallDisk]:
    """A disk of 8 MiB for the server's tablespace `small`."""
    with small_disk(own_server.data.parent / "small", size_kib=8 * 1024) as disk:
        owner = own_server.data.stat()
        os.chown(disk.path, owner.st_uid, owner.st_gid)
        run_apart(own_server.execute(f"CREATE TABLESPACE small LOCATION '{disk.path}'"))
        yield disk
        run_apart(own_server.execute("DROP TABLESPACE small"))


async def test_a_full_disk_is_told_and_mends_itself(own_server: Cluster, disk: SmallDisk) -> None:
    """Unavailable with the way out while nothing fits, and the next write succeeds when something does."""

    def large(tx: Connection) -> None:
        tx.execute(insert(table).values(text="large", filling=os.urandom(_ONE_MIB)))

    with own_server.new_database() as url:
        async with opened(url) as database:
            await own_server.execute("ALTER TABLE gatepost.notes SET TABLESPACE small", url=url)
            await database.write(note("a"))
            disk.fill()
            with pytest.raises(DatabaseUnavailable, match="its disk is full; free some space"):
                await database.write(large)
            assert ["a"] == await database.read(notes)
            disk.free()
            await database.write(large)
            assert ["a", "large"] == await database.read(notes)
