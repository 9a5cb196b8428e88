"""Several servers: which one a message goes to, when the next one, and how the first gets its mail back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepost.testing import Call, Drop, Hang, Refuse, Step, SubmissionServer
from gatepost.transport.breaker import Intervals
from gatepost.transport.reply import Outcome
from gatepost.transport.smtp import Client
from gatepost.transport.transport import UNBOUNDED
from tests.transport.submitting import QUICK, Line, Marking, an_envelope, opened, server_at, until

NEVER = Intervals(3600, 3600, 3600, 3600, 3600)


@pytest.fixture
async def second() -> AsyncIterator[SubmissionServer]:
    async with SubmissionServer() as server:
        yield server


def name(server: SubmissionServer) -> str:
    return f"127.0.0.1:{server.port}"


async def fill(line: Line, messages: int) -> set[str | None]:
    """Submit some at once; whose servers took them."""
    replies = await asyncio.gather(*(line.submit(an_envelope(number)) for number in range(messages)))
    assert {reply.outcome for reply in replies} == {Outcome.ACCEPTED}
    return {reply.server for reply in replies}


async def test_the_first_carries_everything(client: Client, server: SubmissionServer, second: SubmissionServer) -> None:
    """While the first can be used, the others are not touched."""
    async with opened(server, second, client=client) as line:
        assert await fill(line, 30) == {name(server)}
    assert second.connections_total == 0


async def test_a_server_that_fails_while_opening_costs_no_attempt(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """The same submission goes to the next at once, marked once; what follows does not ask the first again."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"))
    async with opened(server, second, client=client, intervals=NEVER) as line:
        reply = await line.submit(an_envelope(0))
        assert (reply.outcome, reply.server, line.marking.calls) == (Outcome.ACCEPTED, name(second), 1)
        assert await fill(line, 30) == {name(second)}
        assert (server.connections_total, line.transport.room()) == (1, UNBOUNDED)
        assert line.transport.usable() == {name(server): False, name(second): True}


async def test_the_first_gets_its_mail_back(client: Client, server: SubmissionServer, second: SubmissionServer) -> None:
    """Once a probe reached it, one message goes there, then two, and what is too much goes to the second meanwhile."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=2)
    async with opened(server, second, client=client, intervals=QUICK) as line:
        assert (await line.submit(an_envelope(0))).server == name(second)
        await until(lambda: line.transport.usable()[name(server)])
        arrived = asyncio.Event()
        server.at(Step.DOT, Call(arrived.set))
        server.at(Step.DOT, Hang())
        one = asyncio.create_task(line.submit(an_envelope(1)))
        await arrived.wait()
        assert (await line.submit(an_envelope(2))).server == name(second)
        server.clear()
        assert (await one).server == name(server)
        assert (await line.submit(an_envelope(3))).server == name(server)
        assert await fill(line, 30) == {name(server)}


async def test_a_probe_that_hangs_delays_nobody(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """With one connection, and the first server taking the probe's and saying nothing, mail goes over the second."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=1)
    server.at(Step.CONNECT, Hang())
    bounds = {"connections": 1, "attempt_timeout_s": 60.0}
    async with opened(server, second, client=client, intervals=QUICK, **bounds) as line:
        await line.submit(an_envelope(0))
        await until(lambda: server.connections_total == 2)
        assert await fill(line, 10) == {name(second)}
    assert second.connections_max == 1


@pytest.mark.parametrize("behaviour", [Drop(), Refuse("421 4.3.2 Closing")])
async def test_a_message_that_was_marked_has_one_server(
    client: Client, server: SubmissionServer, second: SubmissionServer, behaviour: Drop | Refuse
) -> None:
    """A kept connection dies at MAIL, when the mark has begun, and the server takes no other: the next is not asked."""
    async with opened(server, second, client=client, intervals=NEVER) as line:
        await line.submit(an_envelope(1))
        server.at(Step.MAIL, behaviour)
        server.at(Step.CONNECT, behaviour)
        reply = await line.submit(an_envelope(2))
        assert (reply.outcome, reply.server, line.marking.calls) == (Outcome.UNREACHABLE, name(server), 1)
        assert second.connections_total == 0
        assert (await line.submit(an_envelope(2))).server == name(second)


async def test_a_lost_claim_goes_to_no_other_server(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """A claim that is no longer ours ends the submission, wherever it was."""
    async with opened(server, second, client=client) as line:
        assert (await line.submit(marking=Marking(answer=False))).outcome is Outcome.NOT_OURS
    assert second.connections_total == 0


async def test_when_none_can_be_used_there_is_no_room(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """Both are named with their causes; whichever is back first makes room and takes the mail."""
    rung = []
    async with opened(server, second, client=client, intervals=QUICK) as line:
        line.transport.listen(lambda: rung.append(line.transport.room()))
        server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"))
        await second.stop()
        assert (await line.submit(an_envelope(1))).outcome is Outcome.UNREACHABLE
        assert line.transport.room() == 0
        reply = await line.submit(an_envelope(1))
        assert f"{name(server)} (closing), {name(second)} (connection)" in reply.text
        await second.start()
        await until(lambda: bool(rung))
        assert rung == [1]
        assert (await line.submit(an_envelope(2))).server == name(second)


async def test_connections_are_bounded_over_all_servers(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """Those that are kept to the second make way for those to the first; a probe is one more at most."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=1)
    async with opened(server, second, client=client, intervals=QUICK, connections=3) as line:
        await fill(line, 12)
        await until(lambda: line.transport.usable()[name(server)])
        open_at_once = []
        for _ in range(20):
            await fill(line, 3)
            open_at_once.append(line.transport.open_connections)
        assert max(open_at_once) <= 3
        await until(lambda: server.connections_now + second.connections_now <= 3)
    assert (server.connections_max, second.connections_max <= 3) == (3, True)


async def test_a_server_that_failed_meanwhile_is_not_asked(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """One message hangs at the first server while another finds out about both: it does not try the second, too."""
    server.at(Step.CONNECT, Hang(), times=1)
    async with opened(server, second, client=client, intervals=NEVER) as line:
        hanging = asyncio.create_task(line.submit(an_envelope(1)))
        await until(lambda: server.connections_total == 1)
        for one in (server, second):
            one.at(Step.CONNECT, Refuse("421 4.3.2 Not now"))
        assert (await line.submit(an_envelope(2))).outcome is Outcome.UNREACHABLE
        await server.drop_connections()
        assert (await hanging).outcome is Outcome.UNREACHABLE
    assert (server.connections_total, second.connections_total) == (2, 1)


async def test_a_rate_is_no_reason_to_go_elsewhere(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """When the first has had its share, there is no room, though the second has no bound."""
    slow = server_at(server, rate=0.01)
    async with opened(slow, second, client=client) as line:
        assert line.transport.room() == 1
        assert (await line.submit(an_envelope(1))).server == name(server)
        assert line.transport.room() == 0
        # Whoever submits all the same is not held up: it is owed later.
        assert (await line.submit(an_envelope(2))).server == name(server)
        assert second.connections_total == 0


async def test_while_the_first_is_away_the_seconds_rate_counts(
    client: Client, server: SubmissionServer, second: SubmissionServer
) -> None:
    """Each server has its own."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"))
    bounded = server_at(second, rate=0.5)
    async with opened(server, bounded, client=client, intervals=NEVER) as line:
        assert line.transport.room() == UNBOUNDED
        await line.submit(an_envelope(1))
        assert line.transport.room() == 0


async def test_whoever_waits_for_a_rate_is_told(client: Client, server: SubmissionServer) -> None:
    """Taking what there is room for, and looking again when told, gets everything out, and no faster than allowed."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    async with opened(server_at(server, rate=40.0), client=client, connections=40) as line:
        line.transport.listen(told.set)
        began, left = loop.time(), 60
        while left:
            told.clear()
            count = min(left, line.transport.room())
            await asyncio.gather(*(line.submit(an_envelope(number)) for number in range(count)))
            left -= count
            if left:
                async with asyncio.timeout(5):
                    await told.wait()
        assert loop.time() - began >= (60 - 40) / 40 * 0.9
    assert len(server.messages) == 60
