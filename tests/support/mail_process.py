"""The test mail server in a process of its own: it takes no time and no memory from whoever is measured."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, cast

from gatepost.testing import AcceptedMessage, Behaviour, Step, SubmissionServer

_FORKS = multiprocessing.get_context("forkserver")
ANSWER_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Received:
    """One message it took; `accepted_at` is `time.monotonic()` of this machine, the same in every process."""

    message_id: str
    recipient: str
    accepted_at: float
    connection: int


class MailProcess:
    """Tells the server in the other process what to do; the names are those of `SubmissionServer`."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self.port = cast(int, self._answer())

    def at(self, step: Step, behaviour: Behaviour, **when: Any) -> None:
        """Misbehave; the behaviour must be one that can be sent to another process."""
        self._ask("at", step, behaviour, **when)

    def clear(self) -> None:
        """Behave again."""
        self._ask("clear")

    def go_away(self) -> None:
        """Be as if switched off."""
        self._ask("go_away")

    def come_back(self) -> None:
        """Listen again."""
        self._ask("come_back")

    def received(self, since: int = 0) -> list[Received]:
        """What it took, in order, without the first `since`."""
        return cast(list[Received], self._ask("received", since))

    def count(self) -> int:
        """How many it took."""
        return cast(int, self._ask("count"))

    def connections_total(self) -> int:
        """How many connections were made to it."""
        return cast(int, self._ask("connections_total"))

    def end(self) -> None:
        """Let the process end."""
        self._line.send(None)

    def _ask(self, name: str, *arguments: Any, **named: Any) -> object:
        self._line.send((name, arguments, named))
        return self._answer()

    def _answer(self) -> object:
        assert self._line.poll(ANSWER_TIMEOUT_S), "the mail server's process does not answer"
        answer = self._line.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextlib.contextmanager
def mail_process(**options: Any) -> Iterator[MailProcess]:
    """A server in a process of its own; `options` are those of `SubmissionServer`."""
    ours, its = _FORKS.Pipe()
    process = _FORKS.Process(target=_serve, args=(its, options), daemon=True, name="mail-server")
    process.start()
    its.close()
    try:
        server = MailProcess(ours)
        yield server
        server.end()
        process.join(ANSWER_TIMEOUT_S)
    finally:
        if process.is_alive():
            process.kill()
        process.join(ANSWER_TIMEOUT_S)


class _Server:
    """The other end: what was received is kept small."""

    def __init__(self, server: SubmissionServer) -> None:
        self._server = server
        self._received: list[Received] = []
        server.on_accepted = self._take

    def _take(self, one: AcceptedMessage) -> None:
        self._received.append(Received(one.message_id, one.recipient, one.accepted_at, one.connection))
        self._server.messages.clear()

    def do(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> object:
        match name:
            case "received":
                return self._received[arguments[0] :]
            case "count":
                return len(self._received)
            case "connections_total":
                return self._server.connections_total
            case _:
                getattr(self._server, name)(*arguments, **named)
                return None


def _serve(line: Connection, options: dict[str, Any]) -> None:
    with contextlib.suppress(EOFError), SubmissionServer.in_thread(**options) as running:
        server = _Server(running)
        line.send(running.port)
        while (command := line.recv()) is not None:
            try:
                answer = server.do(*command)
            except Exception as error:
                answer = error
            line.send(answer)
