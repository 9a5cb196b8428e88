"""TLS to the server, through a proxy that ends it: what `sslmode` and `sslrootcert` in the URL do."""

import asyncio
from pathlib import Path

import pytest

from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.errors import StartRefused
from tests.conformance.database.conftest import note, notes
from tests.postgresql.conftest import opened
from tests.support.certificates import Authority, make_authority
from tests.support.proxy import proxy


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority nobody else knows."""
    return make_authority(tmp_path_factory.mktemp("authority"))


async def test_a_certificate_that_is_checked_and_good(postgresql_url: str, authority: Authority) -> None:
    """verify-full wants the right authority and the right name, and gets both."""
    async with proxy(postgresql_url, authority.serving("IP:127.0.0.1")) as line:
        url = f"{line.url}?sslmode=verify-full&sslrootcert={authority.folder}/authority.pem"
        async with opened(url) as database:
            await database.write(note("a"))
            assert ["a"] == await database.read(notes)


@pytest.mark.parametrize("name", ["DNS:elsewhere.example", "IP:127.0.0.1"])
async def test_a_certificate_that_is_not_good_is_refused_at_once(
    postgresql_url: str, authority: Authority, tmp_path: Path, name: str
) -> None:
    """Another server's, or another authority's: waiting would not make it right."""
    other = make_authority(tmp_path)
    trusted = authority if name.startswith("DNS") else other
    async with proxy(postgresql_url, authority.serving(name)) as line, asyncio.timeout(10):
        with pytest.raises(StartRefused, match=r"it has no certificate that sslmode .* accept"):
            await PostgresqlDatabase.open(
                f"{line.url}?sslmode=verify-full&sslrootcert={trusted.folder}/authority.pem", wait_s=60
            )


async def test_tls_is_used_where_the_server_offers_it(postgresql_url: str, authority: Authority) -> None:
    """Without sslmode the certificate is not checked, and the line is encrypted all the same."""
    async with proxy(postgresql_url, authority.serving("DNS:elsewhere.example")) as line, opened(line.url) as database:
        await database.write(note("a"))
        assert ["a"] == await database.read(notes)
