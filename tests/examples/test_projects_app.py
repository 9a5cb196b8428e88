"""The example on PostgreSQL: a product's rows and its mail in one transaction, with a real mail server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gatepost.testing import SubmissionServer
from tests.cli.service import free_port, until
from tests.examples.host import Host
from tests.support.postgresql import Server, run_apart

INVITER = {"inviter": "Ada"}


class Driftwood:
    """The example as its users see it, and a look into its database."""

    def __init__(self, host: Host, server: Server, url: str) -> None:
        self.host = host
        self._server = server
        self._url = url

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the database both share."""
        return [tuple(row) for row in run_apart(self._server.execute(statement, url=self._url))]

    def project(self) -> int:
        """Make a project."""
        made = httpx2.post(f"{self.host.url}/projects", json={"company": "Acme", "name": "Pier 7"})
        assert made.status_code == 201
        return int(made.json()["id"])

    def invite(self, project: int, *emails: str) -> httpx2.Response:
        """Invite people to a project."""
        return httpx2.post(f"{self.host.url}/projects/{project}/invitations", json=INVITER | {"emails": list(emails)})

    def invited(self, project: int) -> list[str]:
        """Who is invited to it."""
        found: list[str] = httpx2.get(f"{self.host.url}/projects/{project}/invitations").json()
        return found


@contextmanager
def driftwood(folder: Path, server: Server, url: str, smtp_port: int) -> Iterator[Driftwood]:
    """Run the example."""
    settings = {"database_url": url, "smtp_url": f"smtp://127.0.0.1:{smtp_port}", "product_name": "Driftwood"}
    with Host(folder, "projects_app", **settings) as host:
        yield Driftwood(host, server, url)


@pytest.fixture
def mail_server() -> Iterator[SubmissionServer]:
    """A real SMTP server."""
    with SubmissionServer.in_thread() as server:
        yield server


@pytest.fixture
def product(
    tmp_path: Path, postgresql_server: Server, product_database: str, mail_server: SubmissionServer
) -> Iterator[Driftwood]:
    """The example, whose mail server takes everything."""
    with driftwood(tmp_path, postgresql_server, product_database, mail_server.port) as running:
        yield running


def recipients(server: SubmissionServer) -> list[str]:
    return sorted(message.recipient for message in server.messages)


def test_a_committed_invitation_arrives(product: Driftwood, mail_server: SubmissionServer) -> None:
    """The row and the mail are one commit, and the mail is the product's own, from its own templates."""
    project = product.project()
    answer = product.invite(project, "bob@example.com", "Lin@Example.com")
    assert (answer.status_code, answer.json()) == (201, {"invited": ["bob@example.com", "Lin@Example.com"]})
    assert product.invited(project) == ["bob@example.com", "lin@example.com"]
    until(lambda: len(mail_server.messages) == 2)
    assert recipients(mail_server) == ["Lin@example.com", "bob@example.com"]
    for message in mail_server.messages:
        assert b"\r\nSubject: Ada invites you to Pier 7\r\n" in message.content
        assert b"Sign up with this address" in message.content
        assert f"{product.host.url}/register".encode() in message.content.replace(b"=\r\n", b"")


def test_a_rolled_back_invitation_leaves_nothing(product: Driftwood, mail_server: SubmissionServer) -> None:
    """Too many for the project: no row, no message, and no mail while a later one arrives."""
    project = product.project()
    refused = product.invite(project, *(f"p{number}@example.com" for number in range(4)))
    assert refused.status_code == 409
    assert product.invited(project) == []
    assert product.rows("SELECT * FROM gatepost.messages") == []
    assert product.invite(project, "bob@example.com").status_code == 201
    until(lambda: len(mail_server.messages) > 0)
    assert recipients(mail_server) == ["bob@example.com"]


def test_a_rolled_back_savepoint_takes_its_mail_back(product: Driftwood, mail_server: SubmissionServer) -> None:
    """Somebody invited twice gets one mail, and those before and after get theirs."""
    project = product.project()
    answer = product.invite(project, "bob@example.com", "BOB@example.com", "lin@example.com")
    assert (answer.status_code, answer.json()) == (201, {"invited": ["bob@example.com", "lin@example.com"]})
    until(lambda: len(mail_server.messages) == 2)
    assert recipients(mail_server) == ["bob@example.com", "lin@example.com"]
    assert product.rows("SELECT count(*) FROM gatepost.messages") == [(2,)]


def test_an_address_that_is_none_is_told_before_anything_is_written(product: Driftwood) -> None:
    """The product answers 422 with our sentence, and its transaction leaves nothing of those before."""
    project = product.project()
    refused = product.invite(project, "bob@example.com", "nobody")
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("nobody: ")
    assert product.invited(project) == []
    assert product.rows("SELECT * FROM gatepost.messages") == []


def test_tables_of_the_same_name_do_not_meet(product: Driftwood) -> None:
    """The product's accounts and its Alembic's version stay in `public`, Gatepost's are in a schema of their own."""
    product.project()
    body = {"email": "ada@example.com", "password": "a sentence only she would write"}
    assert httpx2.post(f"{product.host.url}/auth/register", json=body).status_code == 202
    assert product.rows("SELECT company FROM public.accounts") == [("Acme",)]
    assert product.rows("SELECT email FROM gatepost.accounts") == [("ada@example.com",)]
    assert product.rows("SELECT version_num FROM public.alembic_version") == [("of the product",)]


def test_a_kill_between_commit_and_mail_loses_nothing(
    tmp_path: Path, postgresql_server: Server, product_database: str, mail_server: SubmissionServer
) -> None:
    """The mail server is away, the process is killed after its answer: the next start sends."""
    with driftwood(tmp_path, postgresql_server, product_database, free_port()) as product:
        project = product.project()
        assert product.invite(project, "bob@example.com").status_code == 201
        product.host.kill()
    with driftwood(tmp_path, postgresql_server, product_database, mail_server.port) as product:
        until(lambda: len(mail_server.messages) == 1, deadline_s=60)
        assert recipients(mail_server) == ["bob@example.com"]
        assert product.invited(project) == ["bob@example.com"]
