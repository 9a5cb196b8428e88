"""A service with a key signs every mail it sends, and on the wire nothing of it changes."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.errors import SettingsError
from gatepost.mail.dkim import FIELD
from gatepost.settings import Settings
from gatepost.testing import SubmissionServer
from tests.support.signing import DOMAIN, KINDS, SELECTOR, pair


def made(folder: Path, kind: str, server: SubmissionServer) -> Settings:
    """The settings of a service that signs."""
    path = folder / "dkim.pem"
    path.write_bytes(pair(kind).pem)
    return Settings(
        database_url=f"sqlite:///{folder / 'gatepost.db'}",
        smtp_url=f"smtp://127.0.0.1:{server.port}",
        sender=f"Acme <hello@{DOMAIN}>",
        dkim_key=path,
        dkim_selector=SELECTOR,
        argon2_memory_kib=8,
        argon2_time_cost=1,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_arrives_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The welcome with its link to unsubscribe, and the verification without."""
    monkeypatch.chdir(tmp_path)
    with SubmissionServer.in_thread() as server:
        settings = made(tmp_path, kind, server)
        with TestClient(create_app(Gatepost(settings)), base_url=settings.public_url) as client:
            body = {"email": "ada@example.com", "password": "correct horse battery"}
            assert 202 == client.post("/auth/register", json=body).status_code
            arrived = server.wait_for_blocking(2, 30)
    for message in arrived:
        assert message.content.startswith(FIELD + b": v=1; ")
        assert pair(kind).passes(message.content)
    assert [1, 0] == sorted((b"List-Unsubscribe: " in one.content for one in arrived), reverse=True)


def test_a_key_that_cannot_be_used_refuses_the_start(tmp_path: Path) -> None:
    """Before anything runs: mail without the signature that was asked for is not sent."""
    path = tmp_path / "dkim.pem"
    path.write_text("no key")
    with pytest.raises(SettingsError, match="holds no private key in PEM"):
        Gatepost(Settings(dkim_key=path, dkim_selector=SELECTOR))
