"""One hostile server at a time: how a case is described, and what comes of it over each client."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from gatepost.testing import Behaviour, Refuse, Step, SubmissionServer
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.reply import MAX_TEXT_CHARACTERS, Outcome, Reply
from tests.support.certificates import Authority
from tests.transport.submitting import QUICK, Line, an_envelope, opened, server_at, until_usable

ATTEMPT_TIMEOUT_S = 0.6
FINAL_REPLY_TIMEOUT_S = 0.6
# What an attempt takes at most on a machine that is busy with other things; the deadlines are a tenth of it.
BOUNDED_S = 8.0
BEGINNINGS = 5
PATIENCE = 6
LOGIN = ("ann", "secret")

# Steps that a kept connection goes through again; the others belong to a new one.
_OF_A_MESSAGE = {Step.RSET, Step.MAIL, Step.RCPT, Step.DATA, Step.CONTENT, Step.DOT, Step.TAKEN}


class Manner(StrEnum):
    """Who submits, and how: our client both ways, and its referee."""

    AHEAD = "ours, MAIL, RCPT and DATA in one write"
    IN_TURN = "ours, one command at a time"
    REFEREE = "aiosmtplib"


Before = Literal["nothing", "a message", "a refusal"]


@dataclass(frozen=True)
class Case:
    """What a server does, and what must come of it.

    Args:
        what: a name for it.
        says: what it does at which step.
        outcome: of the submission, whoever submits.
        code: the reply code that must stand in the reply, None for none.
        otherwise: where a manner comes to another outcome (and code), which is right as well.
        why: why it is right as well.
        lies: the server says something else about the message than what it did with it.
        server: its options.
        size: bytes of the message, roughly.
        tls: how the server is reached.
        login: whether it wants to know who we are.
        before: what the connection did before; "nothing" is a new one.
    """

    what: str
    says: tuple[tuple[Step, Behaviour], ...]
    outcome: Outcome
    code: int | None = None
    otherwise: Mapping[Manner, tuple[Outcome, int | None]] = field(default_factory=dict)
    why: str = ""
    lies: bool = False
    server: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    tls: Literal["none", "starttls", "implicit"] = "none"
    login: bool = False
    before: Before | None = None

    @property
    def befores(self) -> tuple[Before, ...]:
        """On which connections it is tried: also on a kept one when that would go through its steps."""
        if self.before is not None:
            return (self.before,)
        return ("nothing", "a message") if {step for step, _ in self.says} <= _OF_A_MESSAGE else ("nothing",)

    @property
    def asks_for_nothing(self) -> bool:
        """Whether it goes wrong before the content, if it goes wrong."""
        return not {step for step, _ in self.says} & {Step.CONTENT, Step.DOT, Step.TAKEN}

    def expected(self, manner: Manner) -> tuple[Outcome, int | None]:
        """Outcome and code for a manner."""
        return self.otherwise.get(manner, (self.outcome, self.code))


@dataclass(frozen=True)
class End:
    """What came of a submission, and of the one after it.

    Args:
        reply: to the submission.
        took_s: how long it took.
        taken: how often the server took the message.
        commands: MAIL commands the server saw of it.
        content_begun: whether `progress` says that the message may have been taken.
        marks: how often `committing` was begun, and ended.
        open_connections: after it.
        dots: messages without a line that the server took, and those that it refused.
        next: the outcome of the next submission, after the server came to its senses.
        next_taken: how often the server took that.
    """

    reply: Reply
    took_s: float
    taken: int
    commands: int
    content_begun: bool
    marks: tuple[int, int]
    open_connections: int
    dots: tuple[int, int]
    next: Outcome
    next_taken: int


async def end_of(case: Case, manner: Manner, before: Before, authority: Authority) -> End:
    """Submit one message to the case's server, and another one after it has come to its senses.

    Where a deadline of ours ended it and none should have, a busy machine may be to blame: then once more with longer
    ones, which leave the case as it is.
    """
    end = await _end_of(case, manner, before, authority, 1)
    if end.reply.timed_out and (end.reply.outcome, end.reply.code) != case.expected(manner):
        end = await _end_of(case, manner, before, authority, PATIENCE)
    return end


async def _end_of(case: Case, manner: Manner, before: Before, authority: Authority, patience: int) -> End:
    async with _server(case, manner, authority) as server, _line(case, manner, server, authority, patience) as line:
        if before != "nothing":
            await _begin(server, line, before)
        commands = len(server.mail_commands)
        for step, behaviour in case.says:
            server.at(step, behaviour)
        started = time.monotonic()
        reply = await line.submit(an_envelope(2, size=case.size))
        took_s = time.monotonic() - started
        seen = (len(server.mail_commands) - commands, line.progress.content_begun, line.transport.open_connections)
        marks = (line.marking.calls, line.marking.ended)
        server.clear()
        await until_usable(line)
        following = await line.submit(an_envelope(3))
    return End(
        reply=reply,
        took_s=took_s,
        taken=_times(server, 2),
        dots=([message.content for message in server.messages].count(b""), server.refused.count(b"")),
        next=following.outcome,
        next_taken=_times(server, 3),
        commands=seen[0],
        content_begun=seen[1],
        open_connections=seen[2],
        marks=marks,
    )


async def _begin(server: SubmissionServer, line: Line, before: Before) -> None:
    """Bring the line to where the case begins; once more where a busy machine took longer than the deadlines."""
    wanted = Outcome.ACCEPTED if before == "a message" else Outcome.PERMANENT
    for _ in range(BEGINNINGS):
        if before == "a refusal":
            server.at(Step.RCPT, Refuse("550 5.1.1 No such user"), times=1)
        if (await line.submit(an_envelope(1))).outcome is wanted:
            return
        server.clear()
        await until_usable(line)
    raise AssertionError(f"the line did not come to {before}")


@asynccontextmanager
async def _server(case: Case, manner: Manner, authority: Authority) -> AsyncIterator[SubmissionServer]:
    options: dict[str, Any] = {"pipelining": manner is not Manner.IN_TURN, **case.server}
    if case.tls != "none":
        options |= {"ssl_context": authority.serving("IP:127.0.0.1"), "tls": case.tls}
    if case.login:
        options["credentials"] = LOGIN
    async with SubmissionServer(**options) as server:
        yield server


@asynccontextmanager
async def _line(
    case: Case, manner: Manner, server: SubmissionServer, authority: Authority, patience: int
) -> AsyncIterator[Line]:
    attempt_timeout_s = ATTEMPT_TIMEOUT_S * patience
    login = {"username": LOGIN[0], "password": LOGIN[1]} if case.login else {}
    async with opened(
        server_at(server, tls=case.tls, **login),
        client="aiosmtplib" if manner is Manner.REFEREE else "gatepost",
        ssl_context=None if case.tls == "none" else authority.trusting(),
        connections=1,
        attempt_timeout_s=attempt_timeout_s,
        final_reply_timeout_s=FINAL_REPLY_TIMEOUT_S * patience,
        intervals=QUICK,
        timeouts=StepTimeouts(reused_reply_s=attempt_timeout_s / 4, rest_s=attempt_timeout_s / 4),
    ) as line:
        yield line


def _times(server: SubmissionServer, number: int) -> int:
    return sum(message.message_id == f"<{number}@example.org>" for message in server.messages)


async def ends_of(case: Case, authority: Authority) -> dict[tuple[Manner, Before], End]:
    """All manners at once, each with a server and a connection of its own."""
    ways = [(manner, before) for manner in Manner for before in case.befores]
    ends = await asyncio.gather(*(end_of(case, manner, before, authority) for manner, before in ways))
    return dict(zip(ways, ends, strict=True))


def faults_of(case: Case, end: End) -> list[str]:
    """What must not be, whatever a server does; empty when all is well."""
    outcome, text = end.reply.outcome, end.reply.text
    checks = {
        "it took too long": end.took_s < BOUNDED_S,
        "the server took the message more than once": end.taken <= 1,
        "accepted is said of a message that was not taken": outcome is not Outcome.ACCEPTED or end.taken == 1,
        "a message that was taken is said not to be": case.lies
        or not end.taken
        or outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN),
        "an empty message was handed over": not end.dots[0],
        "unknown or accepted without a content": outcome not in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        or end.content_begun,
        "content was begun before it was asked for": not (case.asks_for_nothing and end.content_begun)
        or outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN),
        "a connection is kept whose replies cannot be told apart": outcome is Outcome.ACCEPTED
        or not 200 <= (end.reply.code or 500) <= 399
        or not end.open_connections,
        "a server that is not reached was told of the message": bool(end.marks[0]) or not end.commands,
        "the mark was not begun at most once, and ended": end.marks in ((0, 0), (1, 1)),
        "the text is not fit to be shown": text.isprintable() and len(text) <= MAX_TEXT_CHARACTERS,
        "more connections are kept than allowed": end.open_connections <= 1,
        "the next message was not accepted, once": (end.next, end.next_taken) == (Outcome.ACCEPTED, 1),
    }
    return [fault for fault, well in checks.items() if not well]
