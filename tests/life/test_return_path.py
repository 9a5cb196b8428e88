"""The return path on the wire: what MAIL FROM says of each message."""

import re
import uuid
from collections.abc import Sequence
from pathlib import Path

from gatepost import Draft, Gatepost, Settings
from gatepost.events import Events
from gatepost.mail.return_path import USE, read
from gatepost.parts import build_keys
from gatepost.testing import SubmissionServer
from gatepost.testing.inbox import AcceptedMessage

SECRET = "0123456789abcdefghijklmnopqrstuv"


def settings_of(folder: Path, server: SubmissionServer, **more: str) -> Settings:
    """Of a product that submits to this server."""
    return Settings(
        database_url=f"sqlite:///{folder}/gatepost.db",
        secret_keys=SECRET,
        sender="Tideline <hello@tideline.example>",
        smtp_url=f"smtp://127.0.0.1:{server.port}",
        **more,
    )


async def submitted(settings: Settings, server: SubmissionServer) -> tuple[Sequence[uuid.UUID], list[AcceptedMessage]]:
    """Have two messages submitted; their ids, and what the server took."""
    gatepost = Gatepost(settings, events=Events())
    await gatepost.start()
    try:
        ids = [
            await gatepost.write(
                lambda tx, name=name: gatepost.mail.enqueue_in(tx, Draft(template="welcome", recipient=name))
            )
            for name in ("ada@example.com", "joe@example.com")
        ]
        return ids, await server.wait_for(2)
    finally:
        await gatepost.stop()


async def test_each_message_has_a_return_path_of_its_own(tmp_path: Path) -> None:
    """With RETURN_PATH set, MAIL FROM names the message, and From stays the sender."""
    async with SubmissionServer() as server:
        settings = settings_of(tmp_path, server, return_path="bounces@mail.tideline.example")
        ids, taken = await submitted(settings, server)
    keys = build_keys(settings).all_for(USE)
    for one in taken:
        assert re.fullmatch(r"bounces\+[a-z2-7]{36}@mail\.tideline\.example", one.return_path)
        assert b"\r\nFrom: Tideline <hello@tideline.example>\r\n" in one.content
        assert one.return_path.encode() not in one.content
    assert set(ids) == {read(keys, one.return_path) for one in taken}


async def test_without_the_setting_it_is_the_sender(tmp_path: Path) -> None:
    """Bounces go to SENDER's address, the same one for all messages."""
    async with SubmissionServer() as server:
        _, taken = await submitted(settings_of(tmp_path, server), server)
    assert ["hello@tideline.example"] * 2 == [one.return_path for one in taken]
