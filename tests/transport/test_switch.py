"""The switch of the development mail server: each behaviour ends as it would with a real server."""

import asyncio
from pathlib import Path

import pytest

from gatepost.events import Event, Events, ServerFailed, ServerRecovered
from gatepost.transport.folder import FolderTransport, Mailbox
from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.switch import Behaviour, Switch
from gatepost.transport.transport import Progress
from tests.transport.submitting import AT_ALL_S, QUICK, Marking, an_envelope, until

# Nobody waits for it: what it ends in is looked at before.
FOREVER_S = 3600.0


class Server:
    """A development mail server, its switch, and the last submission's progress and mark."""

    def __init__(self, folder: Path, slow_s: float = 0.01) -> None:
        self.switch = Switch()
        self.heard: list[Event] = []
        events = Events()
        events.subscribe(self.heard.append)
        self.transport = FolderTransport(folder, intervals=QUICK, events=events, switch=self.switch, slow_s=slow_s)
        self.mailbox = Mailbox(folder)

    async def submit(self, behaviour: Behaviour) -> Reply:
        """Submit one message while the server behaves like this."""
        self.switch.behaviour = behaviour
        self.progress, self.marking = Progress(), Marking()
        async with asyncio.timeout(AT_ALL_S):
            return await self.transport.submit(an_envelope(), self.progress, self.marking)

    @property
    def arrived(self) -> int:
        return len(self.mailbox.list(100))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "mailbox")


@pytest.mark.parametrize(
    ("behaviour", "outcome", "phase", "code", "status", "marks", "arrived"),
    [
        (Behaviour.ACCEPT, Outcome.ACCEPTED, Phase.FINAL_REPLY, None, None, 1, 1),
        (Behaviour.REFUSE, Outcome.PERMANENT, Phase.RCPT, 550, "5.1.1", 0, 0),
        (Behaviour.LATER, Outcome.TRANSIENT, Phase.RCPT, 451, "4.7.1", 0, 0),
        (Behaviour.SLOW, Outcome.ACCEPTED, Phase.FINAL_REPLY, None, None, 1, 1),
        (Behaviour.AWAY, Outcome.UNREACHABLE, Phase.CONNECT, None, None, 0, 0),
        (Behaviour.BREAK_OFF, Outcome.UNKNOWN, Phase.FINAL_REPLY, None, None, 1, 1),
    ],
)
async def test_each_behaviour_ends_in_the_reply_of_a_real_server(
    server: Server,
    behaviour: Behaviour,
    outcome: Outcome,
    phase: Phase,
    code: int | None,
    status: str | None,
    marks: int,
    arrived: int,
) -> None:
    """What it says, how far it got, whether the message was marked before, and whether it is in the mailbox."""
    reply = await server.submit(behaviour)
    expected = (outcome, phase, code, status, marks, arrived)
    got = (reply.outcome, reply.phase, reply.code, reply.enhanced_status, server.marking.calls, server.arrived)
    assert expected == got
    await server.transport.close()


async def test_it_accepts_until_told_otherwise(tmp_path: Path) -> None:
    """Without a switch, and with a new one."""
    for transport in (FolderTransport(tmp_path / "a"), FolderTransport(tmp_path / "b", switch=Switch())):
        assert Outcome.ACCEPTED is (await transport.submit(an_envelope(), Progress(), Marking())).outcome


@pytest.mark.parametrize("behaviour", [Behaviour.REFUSE, Behaviour.LATER, Behaviour.BREAK_OFF])
async def test_what_it_says_about_a_message_closes_it_to_no_other(server: Server, behaviour: Behaviour) -> None:
    """The next try goes through as soon as it accepts again: only one that is away is not asked."""
    await server.submit(behaviour)
    assert Outcome.ACCEPTED is (await server.submit(Behaviour.ACCEPT)).outcome
    assert [] == server.heard


async def test_a_slow_one_can_be_broken_off(tmp_path: Path) -> None:
    """A stop ends the wait at once; nothing was marked, written or begun, so the message is given back."""
    server = Server(tmp_path / "mailbox", FOREVER_S)
    task = asyncio.create_task(server.submit(Behaviour.SLOW))
    await until(lambda: hasattr(server, "progress") and server.progress.phase is Phase.RCPT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, AT_ALL_S)
    assert (False, 0, 0) == (server.progress.content_begun, server.marking.calls, server.arrived)
    assert Outcome.ACCEPTED is (await server.submit(Behaviour.ACCEPT)).outcome


async def test_a_slow_one_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """What it was told while it waits counts for the next message, and not for the one that waits."""
    server = Server(tmp_path / "mailbox", FOREVER_S)
    waiting = asyncio.create_task(server.submit(Behaviour.SLOW))
    await until(lambda: hasattr(server, "progress") and server.progress.phase is Phase.RCPT)
    assert Outcome.ACCEPTED is (await server.submit(Behaviour.ACCEPT)).outcome
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_one_that_is_away_is_asked_for_and_not_tried(server: Server) -> None:
    """After one failure there is no room and no try, however often it is looked for; when it is back, all may go."""
    await server.submit(Behaviour.AWAY)
    assert (0, {False}) == (server.transport.room(), set(server.transport.usable().values()))
    again = await server.submit(Behaviour.AWAY)
    assert (Outcome.UNREACHABLE, 0) == (again.outcome, server.marking.calls)
    await until(lambda: len(server.heard) >= 3)  # probes that failed
    assert 0 == server.transport.room()
    server.switch.behaviour = Behaviour.ACCEPT
    await until(lambda: server.transport.room() > 0)
    assert Outcome.ACCEPTED is (await server.submit(Behaviour.ACCEPT)).outcome
    assert (ServerFailed, ServerRecovered) == (type(server.heard[0]), type(server.heard[-1]))
    assert {True} == set(server.transport.usable().values())
    await server.transport.close()


async def test_whoever_listens_hears_that_it_is_back(server: Server) -> None:
    """The worker is woken; it does not wait for its next look."""
    rung = asyncio.Event()
    server.transport.listen(rung.set)
    await server.submit(Behaviour.AWAY)
    server.switch.behaviour = Behaviour.ACCEPT
    await asyncio.wait_for(rung.wait(), AT_ALL_S)
    await server.transport.close()


async def test_a_full_disk_stays_a_full_disk_while_it_breaks_off(tmp_path: Path) -> None:
    """What could not be written was not taken, whatever the switch says: it is tried again, and not perhaps taken."""
    (tmp_path / "mailbox").write_text("in the way")
    server = Server(tmp_path / "mailbox")
    assert (Outcome.UNREACHABLE, Phase.CONTENT) == (
        (reply := await server.submit(Behaviour.BREAK_OFF)).outcome,
        reply.phase,
    )
    assert {False} == set(server.transport.usable().values())
    await server.transport.close()


async def test_the_next_life_begins_with_one_that_accepts(server: Server) -> None:
    """A stop puts the switch back: an app that starts again in the same process forgets it."""
    await server.submit(Behaviour.REFUSE)
    await server.transport.close()
    assert Behaviour.ACCEPT is server.switch.behaviour
