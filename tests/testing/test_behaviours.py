"""What the test server can be told to do, seen by a client of the standard library."""

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from gatepost.testing import (
    Asked,
    AtOnce,
    Call,
    Delay,
    Drip,
    Drop,
    Greylist,
    Hang,
    PerConnection,
    Policy,
    Refuse,
    Split,
    Step,
    SubmissionServer,
    Throttle,
)

PATIENCE_S = 5.0
SHORT_S = 0.2
CONTENT = b"Message-ID: <1@x>\r\nSubject: Hello\r\n\r\n" + b"0123456789\r\n" * 100


@pytest.fixture
def server() -> Iterator[SubmissionServer]:
    """A server on a thread."""
    with SubmissionServer.in_thread() as running:
        yield running


def send(client: smtplib.SMTP, recipient: str = "ann@example.com") -> int:
    """Submit one message; returns the code of the reply that ended it."""
    try:
        client.sendmail("from@example.com", recipient, CONTENT)
    except smtplib.SMTPRecipientsRefused as error:
        return int(next(iter(error.recipients.values()))[0])
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    return 250


def test_one_domain_may_hang_while_the_others_are_served(server: SubmissionServer) -> None:
    """A behaviour with a recipient's pattern is for that domain alone, and ends with `clear`."""
    reached = threading.Event()
    server.at(Step.RCPT, Call(reached.set), recipient="*@slow.example")
    server.at(Step.RCPT, Hang(), recipient="*@slow.example")
    codes: list[int] = []

    def wait_in_line() -> None:
        with connected(server) as slow:
            codes.append(send(slow, "bob@slow.example"))

    waiting = threading.Thread(target=wait_in_line)
    waiting.start()
    assert reached.wait(PATIENCE_S)
    with connected(server) as quick:
        assert 250 == send(quick, "ann@quick.example")
    assert [] == codes

    server.clear()
    waiting.join(PATIENCE_S)

    assert [250] == codes
    assert ["ann@quick.example", "bob@slow.example"] == [one.recipient for one in server.messages]


def test_a_greylist_refuses_each_pair_until_its_time_has_passed(server: SubmissionServer) -> None:
    """450 at first, for each recipient anew; accepted once the seconds are over."""
    greylist = Greylist(SHORT_S)
    server.at(Step.RCPT, greylist, recipient="*@grey.example")
    with connected(server) as client:
        assert [450, 450, 250] == [
            send(client, who) for who in ("ann@grey.example", "bob@grey.example", "ann@x.example")
        ]
        greylist.seconds = 0
        assert 250 == send(client, "ann@grey.example")


def test_a_greylist_knows_pairs() -> None:
    """Who has waited says nothing about the next recipient, or the next sender."""
    greylist = Greylist(10.0)

    def refused(sender: str, recipient: str, time_s: float) -> bool:
        return greylist.refusal(Asked(sender, recipient, 1, 1, 0, time_s)) is not None

    assert [True, True, False] == [refused("from@x", "ann@y", time_s) for time_s in (0.0, 9.9, 10.0)]
    assert [True, True] == [refused("from@x", "bob@y", 10.0), refused("other@x", "ann@y", 10.0)]


def test_a_throttle_lets_so_many_through_in_its_window() -> None:
    """The third in ten seconds is refused, and passes when the first is ten seconds old."""
    throttle = Throttle(2, 10.0, "451 4.7.0 Slow down")
    answers = [throttle.refusal(Asked("", "a@b.c", 1, 1, 0, time_s)) for time_s in (0.0, 4.0, 9.9, 10.0, 13.9, 14.0)]
    assert [None, None, "451 4.7.0 Slow down", None, "451 4.7.0 Slow down", None] == answers


def test_a_connection_may_carry_only_so_many_messages(server: SubmissionServer) -> None:
    """421 to the next MAIL ends the connection; a new one carries as many again."""
    server.at(Step.MAIL, PerConnection(2))
    with connected(server) as client:
        assert [250, 250, 421] == [send(client) for _ in range(3)]
    with connected(server) as client:
        assert [250, 250] == [send(client) for _ in range(2)]
    assert [1, 1, 2, 2] == [one.connection for one in server.messages]


def test_only_so_many_connections_are_served_at_once(server: SubmissionServer) -> None:
    """One more is told so and ended; when another one has gone there is room again."""
    server.at(Step.CONNECT, AtOnce(1))
    with connected(server) as first:
        assert 250 == send(first)
        with pytest.raises(smtplib.SMTPConnectError, match="Too many connections"):
            smtplib.SMTP(server.host, server.port, timeout=PATIENCE_S)
        first.quit()
    while server.connections_now:
        time.sleep(0.001)  # the end of a connection tells nobody
    with connected(server) as next_one:
        assert 250 == send(next_one)


def test_a_policy_of_ones_own_is_asked_with_what_the_server_knows(server: SubmissionServer) -> None:
    """Anything with a method `refusal` is a policy."""
    asked: list[Asked] = []

    class Curious:
        def refusal(self, one: Asked) -> str | None:
            asked.append(one)
            return "550 5.7.1 No" if len(asked) == 2 else None

    assert isinstance(Curious(), Policy)
    server.at(Step.RCPT, Curious())
    with connected(server) as client:
        assert [250, 550] == [send(client, who) for who in ("ann@x.example", "bob@x.example")]
    assert [("from@example.com", "ann@x.example", 1, 0), ("from@example.com", "bob@x.example", 1, 1)] == [
        (one.return_path, one.recipient, one.connection, one.messages) for one in asked
    ]


def test_a_behaviour_may_begin_after_a_while(server: SubmissionServer) -> None:
    """`after` passes it over so often, `times` ends it."""
    server.at(Step.RCPT, Refuse("451 4.0.0 Later"), after=1, times=1)
    with connected(server) as client:
        assert [250, 451, 250] == [send(client) for _ in range(3)]


def test_a_final_reply_may_drip_and_come_all_the_same(server: SubmissionServer) -> None:
    """Three continuation lines, then the reply; and a reply byte by byte."""
    server.at(Step.TAKEN, Drip(b"250-wait\r\n", 0.001, times=3), times=1)
    server.at(Step.TAKEN, Split(0.0001), after=1)
    with connected(server) as client:
        client.mail("from@example.com")
        client.rcpt("ann@example.com")
        assert (250, b"wait\nwait\nwait\n2.0.0 Ok: queued") == client.data(CONTENT)
        assert 250 == send(client)


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_may_end_in_the_middle_of_a_message(server: SubmissionServer, reset: bool) -> None:
    """After so many bytes it is gone, in order or by a reset, and nothing was taken."""
    server.at(Step.CONTENT, Drop(reset=reset, after_bytes=100))
    with connected(server) as client:
        client.mail("from@example.com")
        client.rcpt("ann@example.com")
        client.docmd("DATA")
        assert client.sock is not None
        client.sock.sendall(CONTENT[:100])
        try:
            ending: object = client.sock.recv(1)
        except ConnectionResetError:
            ending = "reset"
    assert ("reset" if reset else b"") == ending
    assert [] == server.messages


def test_a_delay_is_for_whom_it_is_meant(server: SubmissionServer) -> None:
    """A slow domain takes its time at the dot; the message counts as taken only then."""
    server.at(Step.DOT, Delay(SHORT_S), recipient="*@slow.example")
    with connected(server) as quick, connected(server) as slow:
        thread = threading.Thread(target=send, args=(slow, "bob@slow.example"))
        thread.start()
        assert 250 == send(quick)
        thread.join(PATIENCE_S)
    assert ["ann@example.com", "bob@slow.example"] == [one.recipient for one in server.messages]


def test_a_server_goes_away_and_comes_back_on_the_same_port(server: SubmissionServer) -> None:
    """Away, it refuses connections, has dropped those there were, and nobody else gets the port."""
    with connected(server) as client:
        server.go_away()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), PATIENCE_S)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((server.host, server.port))

    server.come_back()

    with connected(server) as client:
        assert 250 == send(client)


@contextlib.contextmanager
def connected(server: SubmissionServer) -> Iterator[smtplib.SMTP]:
    """A client of the standard library; how its connection ends does not matter."""
    client = smtplib.SMTP(server.host, server.port, timeout=PATIENCE_S)
    try:
        yield client
    finally:
        client.close()
