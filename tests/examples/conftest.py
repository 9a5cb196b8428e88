"""A PostgreSQL database for an example, as a product has it: with migrations of its own, and nothing of ours yet."""

from collections.abc import Iterator

import pytest

from tests.support.postgresql import Server, run_apart


@pytest.fixture
def product_database(postgresql_server: Server) -> Iterator[str]:
    """The URL of a database whose `public` has a version table of the product's own Alembic."""
    with postgresql_server.new_database() as url:
        version = "CREATE TABLE public.alembic_version AS SELECT 'of the product' AS version_num"
        run_apart(postgresql_server.execute(version, url=url))
        yield url
