"""A server that cannot be used for a while: what is tried meanwhile, and how mail begins again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepost.events import CredentialsRefused, Event, Events, ProbeFailed, ServerFailed, ServerRecovered, SettingWarned
from gatepost.testing import Call, Drop, Hang, Refuse, Step, SubmissionServer
from gatepost.transport.breaker import Intervals
from gatepost.transport.folder import FolderTransport
from gatepost.transport.reply import Fault, Outcome, Phase, Reply, broken_off
from gatepost.transport.servers import Bounds, Servers
from gatepost.transport.smtp import Client
from gatepost.transport.transport import UNBOUNDED, Progress
from tests.transport.submitting import (
    QUICK,
    Line,
    Marking,
    an_envelope,
    opened,
    server_at,
    until,
    until_phase,
    until_usable,
)

NEVER = Intervals(3600, 3600, 3600, 3600, 3600)


class Heard:
    """The events of a transport, and how often it said that there is more room."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self.events = Events()
        self.events.subscribe(self.all.append)
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1

    def of(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.all if type(event) in kinds]

    @property
    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.all]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def quick(server: SubmissionServer, client: Client, heard: Heard) -> AsyncIterator[Line]:
    """A transport that probes soon and often."""
    async with opened(server, client=client, intervals=QUICK, events=heard.events) as line:
        line.transport.listen(heard.ring)
        yield line


async def test_while_a_server_is_away_nothing_is_tried(client: Client, server: SubmissionServer, heard: Heard) -> None:
    """After the first failure no further message touches the server, and there is no room."""
    async with opened(server, client=client, intervals=NEVER, events=heard.events) as line:
        assert line.transport.room() == UNBOUNDED
        server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"))
        assert (await line.submit()).outcome is Outcome.UNREACHABLE
        assert (line.transport.room(), line.transport.usable()) == (0, {f"127.0.0.1:{server.port}": False})
        reply = await line.submit()
        assert (reply.outcome, reply.phase, line.marking.calls) == (Outcome.UNREACHABLE, Phase.CONNECT, 0)
        assert f"127.0.0.1:{server.port} (closing)" in reply.text
        assert server.connections_total == 1
    (failed,) = heard.of(ServerFailed)
    assert (failed.cause, failed.phase, failed.reply_code, failed.probe_in_s) == ("closing", "greeting", 421, 3600)


@pytest.mark.parametrize(
    ("step", "behaviour", "outcome", "cause"),
    [
        (Step.CONNECT, Drop(), Outcome.UNREACHABLE, "connection"),
        (Step.CONNECT, Refuse("554 5.3.2 Nobody today"), Outcome.UNREACHABLE, "closing"),
        (Step.CONNECT, Hang(), Outcome.UNREACHABLE, "silence"),
        (Step.MAIL, Refuse("421 4.3.2 Closing"), Outcome.UNREACHABLE, "closing"),
        (Step.RCPT, Refuse("421 4.3.2 Closing"), Outcome.UNREACHABLE, "closing"),
        (Step.MAIL, Refuse("530 5.7.0 Authentication required"), Outcome.UNREACHABLE, "authentication"),
        (Step.DOT, Refuse("421 4.3.2 Closing"), Outcome.TRANSIENT, "closing"),
        (Step.DOT, Hang(), Outcome.UNKNOWN, "silence"),
    ],
)
async def test_a_fault_of_the_server_opens_its_breaker(
    client: Client, server: SubmissionServer, heard: Heard, step: Step, behaviour: Refuse, outcome: Outcome, cause: str
) -> None:
    """By the time `submit` returns there is no room, and one event says why."""
    bounds = {"attempt_timeout_s": 0.5, "final_reply_timeout_s": 0.3}
    async with opened(server, client=client, intervals=NEVER, events=heard.events, **bounds) as line:
        server.at(step, behaviour)
        assert (await line.submit()).outcome is outcome
        assert line.transport.room() == 0
        assert [event.cause for event in heard.all] == [cause]
        server.clear()


@pytest.mark.parametrize(
    ("step", "behaviour"),
    [
        (Step.MAIL, Refuse("451 4.7.1 Later")),
        (Step.RCPT, Refuse("550 5.1.1 No such user")),
        (Step.RCPT, Drop()),
        (Step.DATA, Drop()),
        (Step.DOT, Refuse("451 4.3.0 Later")),
        (Step.DOT, Drop()),
        (Step.TAKEN, Drop()),
    ],
)
async def test_what_may_be_the_messages_matter_opens_nothing(
    client: Client, server: SubmissionServer, heard: Heard, step: Step, behaviour: Refuse
) -> None:
    """Refusals of a message, and lines that break in its middle or after its final dot, stop no other message."""
    async with opened(server, client=client, intervals=NEVER, events=heard.events) as line:
        server.at(step, behaviour, times=1)
        await line.submit(an_envelope(1))
        assert (line.transport.room(), heard.all) == (UNBOUNDED, [])
        assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED


async def test_a_kept_connection_that_died_opens_nothing(
    client: Client, server: SubmissionServer, heard: Heard
) -> None:
    """It is replaced, and nobody hears of it."""
    async with opened(server, client=client, intervals=NEVER, events=heard.events) as line:
        await line.submit(an_envelope(1))
        await server.drop_connections()
        assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
        assert (line.transport.room(), heard.all) == (UNBOUNDED, [])


async def test_a_server_that_is_back_is_noticed_without_a_message(
    quick: Line, server: SubmissionServer, heard: Heard
) -> None:
    """A probe is a connection; when it succeeds the listener is called, and the next message goes over it."""
    await server.stop()
    assert (await quick.submit(an_envelope(1))).outcome is Outcome.UNREACHABLE
    assert quick.transport.room() == 0
    await until(lambda: len(heard.of(ProbeFailed)) >= 3)
    assert heard.rung == 0
    await server.start()
    await until(lambda: heard.rung == 1)
    assert (quick.transport.room(), server.mail_commands, server.connections_total) == (1, [], 1)
    assert (await quick.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
    assert server.connections_total == 1
    assert (heard.kinds[0], heard.kinds[-1]) == (ServerFailed, ServerRecovered)
    assert set(heard.kinds[1:-1]) == {ProbeFailed}


async def test_mail_begins_with_one_message_and_doubles(quick: Line, server: SubmissionServer, heard: Heard) -> None:
    """1, 2, then everything (of four connections); each success rings, and a message too many is not tried."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=1)
    await quick.submit(an_envelope(0))
    await until_usable(quick)
    arrived = asyncio.Event()
    server.at(Step.DOT, Call(arrived.set))
    server.at(Step.DOT, Hang())
    first = asyncio.create_task(quick.submit(an_envelope(1)))
    await arrived.wait()
    assert quick.transport.room() == 0
    assert (await quick.submit(an_envelope(2))).outcome is Outcome.UNREACHABLE
    rung = heard.rung
    server.clear()
    assert (await first).outcome is Outcome.ACCEPTED
    assert (quick.transport.room(), heard.rung) == (2, rung + 1)
    assert (await quick.submit(an_envelope(3))).outcome is Outcome.ACCEPTED
    assert quick.transport.room() == UNBOUNDED
    assert heard.kinds == [ServerFailed, ServerRecovered]


async def test_a_server_that_refuses_each_message_is_asked_ever_less(
    quick: Line, server: SubmissionServer, heard: Heard
) -> None:
    """It greets every probe and says 421 to every message: the pauses double, and the log is told once."""
    server.at(Step.MAIL, Refuse("421 4.3.2 Closing"))
    for _ in range(4):
        assert (await quick.submit()).outcome is Outcome.UNREACHABLE
        await until_usable(quick)
    pauses = [event.probe_in_s for event in heard.all if isinstance(event, ServerFailed)]
    assert pauses == [0.02, 0.04, 0.08, 0.08]
    assert heard.kinds == [ServerFailed, ServerRecovered, ServerFailed, ProbeFailed, ProbeFailed]
    server.clear()
    assert (await quick.submit()).outcome is Outcome.ACCEPTED
    assert heard.kinds[-1] is ServerRecovered


async def test_refused_credentials_are_an_alarm(client: Client, heard: Heard) -> None:
    """Once, as an event of its own; the probes go on, and right credentials are found out by themselves."""
    async with SubmissionServer(credentials=("ann", "right")) as server:
        login = server_at(server, username="ann", password="wrong")
        async with opened(login, client=client, intervals=QUICK, events=heard.events) as line:
            assert (await line.submit()).phase is Phase.AUTH
            await until(lambda: len(heard.of(ProbeFailed)) >= 2)
            server.credentials = ("ann", "wrong")
            await until_usable(line)
            assert (await line.submit()).outcome is Outcome.ACCEPTED
    assert heard.kinds[0] is CredentialsRefused
    assert len(heard.of(CredentialsRefused)) == 1
    assert heard.all[0].cause == "authentication"
    assert heard.kinds[-1] is ServerRecovered


async def test_credentials_that_a_probe_finds_refused_are_an_alarm_too(client: Client, heard: Heard) -> None:
    """A server that was away and comes back with another password."""
    async with SubmissionServer(credentials=("ann", "new")) as server:
        login = server_at(server, username="ann", password="old")
        async with opened(login, client=client, intervals=QUICK, events=heard.events) as line:
            server.at(Step.CONNECT, Drop(), times=1)
            await line.submit()
            await until(lambda: len(heard.of(ProbeFailed)) >= 1)
    assert heard.kinds[:2] == [ServerFailed, CredentialsRefused]


async def test_a_probe_that_hangs_holds_nobody(server: SubmissionServer, client: Client) -> None:
    """While the probe of the only server hangs, a message is told at once that there is none, and the end is quick."""
    async with opened(server, client=client, intervals=QUICK, connections=1, attempt_timeout_s=60) as line:
        server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=1)
        server.at(Step.CONNECT, Hang())
        await line.submit()
        await until(lambda: server.connections_total == 2)
        assert (await line.submit()).outcome is Outcome.UNREACHABLE
    await until(lambda: server.connections_now == 0)


async def test_a_probe_that_was_ended_from_outside_is_begun_again(quick: Line, server: SubmissionServer) -> None:
    """Whoever asks for room sees to it that somebody looks after the server."""
    server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=1)
    await quick.submit()
    (probe,) = (task for task in asyncio.all_tasks() if task.get_name().startswith("gatepost-probe"))
    probe.cancel()
    await asyncio.wait({probe})
    await until_usable(quick)
    assert (await quick.submit()).outcome is Outcome.ACCEPTED


async def test_a_server_with_few_connections_is_no_outage(
    client: Client, server: SubmissionServer, heard: Heard
) -> None:
    """It serves two and says 421 to the third: two at once are what it gets, and one sentence says so."""
    async with opened(server, client=client, connections=4, intervals=NEVER, events=heard.events) as line:
        server.at(Step.DOT, Hang())
        two = [asyncio.create_task(line.submit(an_envelope(number))) for number in (1, 2)]
        await until(lambda: len(server.mail_commands) == 2)
        server.at(Step.CONNECT, Refuse("421 4.7.0 Too many connections"))
        assert (await line.submit(an_envelope(3))).outcome is Outcome.UNREACHABLE
        assert line.transport.usable() == {f"127.0.0.1:{server.port}": True}
        assert line.transport.room() == 0
        rung: list[int] = []
        line.transport.listen(lambda: rung.append(line.transport.room()))
        server.clear()
        assert {(await one).outcome for one in two} == {Outcome.ACCEPTED}
        assert (line.transport.room(), rung) == (2, [1, 2])
        assert (await line.submit(an_envelope(3))).outcome is Outcome.ACCEPTED
    detail = f"127.0.0.1:{server.port} refused a connection beside 2: is GATEPOST_WORKER_SLOTS more than it allows?"
    assert heard.all == [SettingWarned(detail=detail)]


async def test_a_server_that_is_content_with_what_it_has_is_probed_over_that(
    quick: Line, server: SubmissionServer, heard: Heard
) -> None:
    """421 to everything new, and a kept connection that answers: the next message goes over it."""
    await quick.submit(an_envelope(1))
    server.at(Step.MAIL, Hang())
    first = asyncio.create_task(quick.submit(an_envelope(2)))
    await until_phase(quick, Phase.MAIL)
    await until(lambda: len(server.mail_commands) == 2)
    server.at(Step.CONNECT, Refuse("421 4.7.0 Too many connections"))
    _silent_for_long(quick)
    assert (await quick.submit(an_envelope(3))).outcome is Outcome.UNREACHABLE
    assert quick.transport.room() == 0
    server.clear()
    server.at(Step.CONNECT, Refuse("421 4.7.0 Too many connections"))
    assert (await first).outcome is Outcome.ACCEPTED
    await until_usable(quick)
    assert (await quick.submit(an_envelope(4))).outcome is Outcome.ACCEPTED
    assert heard.kinds[0] is ServerFailed
    assert heard.kinds[-1] is ServerRecovered
    assert {message.connection for message in server.messages} == {1}


async def test_late_ends_of_before_do_not_reopen(client: Client, server: SubmissionServer, heard: Heard) -> None:
    """A message that hung at its final dot since before the outage times out after it: nothing opens again."""
    bounds = {"attempt_timeout_s": 5.0, "final_reply_timeout_s": 1.0}
    async with opened(server, client=client, intervals=QUICK, events=heard.events, **bounds) as line:
        server.at(Step.DOT, Hang(), recipient="slow@example.com")
        late = asyncio.create_task(line.submit(an_envelope(1, recipient="slow@example.com")))
        await until_phase(line, Phase.FINAL_REPLY)
        _silent_for_long(line)
        server.at(Step.CONNECT, Refuse("421 4.3.2 Not now"), times=1)
        await line.submit(an_envelope(2))
        await until_usable(line)
        for number in (3, 4):
            assert (await line.submit(an_envelope(number))).outcome is Outcome.ACCEPTED
        assert (await late).outcome is Outcome.UNKNOWN
        assert line.transport.room() == UNBOUNDED
    assert heard.kinds == [ServerFailed, ServerRecovered]


async def test_a_mistake_of_ours_does_not_end_the_probing(heard: Heard) -> None:
    """Whatever a probe raises is a probe that failed."""
    answers = iter([RuntimeError("a bug"), ValueError("another"), None])

    async def probe(_number: int, _fault: Fault | None) -> Reply | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    servers = Servers(["a:587"], Bounds(full=4, intervals=QUICK), probe, heard.events)
    servers.begin(0).end(broken_off("gone", Phase.CONNECT, "a:587"))
    await until(lambda: servers.room() == 1)
    await servers.close()
    assert heard.kinds == [ServerFailed, ProbeFailed, ProbeFailed, ServerRecovered]


def _silent_for_long(line: Line) -> None:
    """As if the connections in use had hung for a minute: they are no sign of life any more."""
    for one in line.transport._connections._in_use:
        one.heard_at -= 60


async def test_a_folder_that_cannot_be_written_is_no_hot_loop(tmp_path, heard: Heard) -> None:
    """No room after a failure; one message tries a moment later, without a false "recovered"; then as before."""
    folder = tmp_path / "mailbox"
    folder.write_text("in the way")
    transport = FolderTransport(folder, intervals=QUICK, events=heard.events)
    transport.listen(heard.ring)

    async def submit() -> Outcome:
        return (await transport.submit(an_envelope(), Progress(), Marking())).outcome

    assert (await submit(), transport.room()) == (Outcome.UNREACHABLE, 0)
    marking = Marking()
    assert (await transport.submit(an_envelope(), Progress(), marking)).outcome is Outcome.UNREACHABLE
    assert marking.calls == 0
    await until(lambda: heard.rung == 1)
    assert (transport.room(), await submit()) == (1, Outcome.UNREACHABLE)
    assert heard.kinds == [ServerFailed, ProbeFailed]
    folder.unlink()
    await until(lambda: transport.room() == 1)
    assert await submit() is Outcome.ACCEPTED
    assert (heard.kinds[-1], transport.room()) == (ServerRecovered, 2)
    await transport.close()
