"""What SMTP_URL and SMTP_CLIENT say reaches the dialogue."""

from pathlib import Path

import pytest

from gatepost.events import Event, Events, ServerFailed
from gatepost.parts import build_transport
from gatepost.settings import Settings
from gatepost.testing import SubmissionServer
from gatepost.transport.reply import Outcome
from gatepost.transport.smtp import Client
from gatepost.transport.transport import Progress
from tests.transport.submitting import Marking, an_envelope


async def test_the_token_file_of_the_url_is_read(client: Client, tmp_path: Path) -> None:
    """user@host?auth=xoauth2&token_file=… authenticates with what the file holds, over either client."""
    file = tmp_path / "a token"
    file.write_text("secret-token")
    async with SubmissionServer(credentials=("ann@acme.example", "secret-token"), mechanisms="XOAUTH2") as server:
        login, path = "ann%40acme.example", str(file).replace(" ", "%20")
        url = f"smtp://{login}@{server.host}:{server.port}?auth=xoauth2&token_file={path}"
        transport = build_transport(Settings(smtp_url=url, smtp_client=client))
        reply = await transport.submit(an_envelope(), Progress(), Marking())
        await transport.close()
    assert (reply.outcome, server.auth_commands) == (Outcome.ACCEPTED, 1)


async def test_the_rate_of_the_url_bounds_the_room(server: SubmissionServer) -> None:
    """?rate=0.01 leaves room for one message, and then for none before 100 s have passed."""
    transport = build_transport(Settings(smtp_url=f"smtp://{server.host}:{server.port}?rate=0.01"))
    rooms = [transport.room()]
    await transport.submit(an_envelope(), Progress(), Marking())
    rooms.append(transport.room())
    await transport.close()
    assert rooms == [1, 0]


async def test_the_events_of_the_product_hear_of_the_servers(server: SubmissionServer) -> None:
    """A server that fails is told of where everything is told."""
    heard: list[Event] = []
    events = Events()
    events.subscribe(heard.append)
    await server.stop()
    transport = build_transport(Settings(smtp_url=f"smtp://{server.host}:{server.port}"), events)
    await transport.submit(an_envelope(), Progress(), Marking())
    await transport.close()
    assert [type(event) for event in heard] == [ServerFailed]


@pytest.mark.parametrize(
    ("chosen", "ahead"), [({}, 2), ({"smtp_client": "gatepost"}, 2), ({"smtp_client": "aiosmtplib"}, 0)]
)
async def test_the_chosen_client_speaks(server: SubmissionServer, chosen: dict[str, str], ahead: int) -> None:
    """Ours is the default and sends MAIL and RCPT with DATA behind them; aiosmtplib waits for each reply."""
    transport = build_transport(Settings(smtp_url=f"smtp://{server.host}:{server.port}", **chosen))
    reply = await transport.submit(an_envelope(), Progress(), Marking())
    await transport.close()
    assert (reply.outcome, server.sent_ahead) == (Outcome.ACCEPTED, ahead)
