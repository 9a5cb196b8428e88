"""One try to submit one message: compose, submit, judge, settle. Read downwards, in the order it happens."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gatepost.clock import Clock
from gatepost.database.connection import Database
from gatepost.delivery.bounces import Bounce, Bounces
from gatepost.delivery.commits import Commits
from gatepost.delivery.outcome_events import attempt_event
from gatepost.delivery.retry import judge, without_template
from gatepost.errors import InvalidRecipient, TemplateUnknown, TryLater
from gatepost.events import ClaimLost, Events, WorkerFailed
from gatepost.outbox.claim import Claimed
from gatepost.outbox.give_back import given_back
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict
from gatepost.outbox.unknown import perhaps_taken
from gatepost.transport.reply import Outcome, Reply, enhanced_status, one_line
from gatepost.transport.transport import Envelope, Progress, Transport

# Makes the RFC 5322 message of a claimed row and the values prepared for it, at a wall time in milliseconds.
Compose = Callable[[Claimed, Mapping[str, str], int], Envelope]


@dataclass(frozen=True)
class Desk:
    """What every attempt needs; one for all."""

    database: Database
    transport: Transport
    compose: Compose
    clock: Clock
    events: Events
    bounces: Bounces


class Attempt:
    """A try under way. `verdict` and `tried` are what it came to, as soon as that is known; `over`: it is durable.

    `reply` is how the submission ended, where one did; `bounce` what that said of the address.
    """

    def __init__(self, desk: Desk, commits: Commits, claimed: Claimed, values: Mapping[str, str]) -> None:
        self.claimed = claimed
        self.progress = Progress()
        self.verdict: Verdict | None = None
        self.tried: Try | None = None
        self.reply: Reply | None = None
        self.bounce: Bounce | None = None
        self.over = False
        self._desk = desk
        self._commits = commits
        self._values = values
        self._started_at = desk.clock.now_ms()
        self._started = desk.clock.monotonic()

    async def run(self) -> None:
        """Try. Returns when it is known what it came to; that is not durable yet."""
        try:
            envelope = self._desk.compose(self.claimed, self._values, self._started_at)
        except Exception as error:  # whatever a template does, it must not be tried for ever
            self._decide(self._not_composed(error), self._as_tried("not_composed", text=str(error)))
        else:
            await self._submit(envelope)

    def break_off(self, now_ms: int) -> tuple[Verdict, Try]:
        """Say what is true of a cancelled try: decided already, perhaps taken, or certainly not."""
        if self.verdict is None or self.tried is None:
            if self.progress.content_begun:
                verdict = perhaps_taken(self.claimed.if_unknown, self.claimed.unknowns, now_ms, "stopped")
                self._decide(verdict, self._as_tried(Outcome.UNKNOWN, text="the process stopped"))
            else:
                self._decide(given_back(now_ms, "stopped"), self._as_tried("given_back", text="the process stopped"))
        assert self.verdict is not None  # noqa: S101  # for the type checker
        assert self.tried is not None  # noqa: S101
        return self.verdict, self.tried

    def cancelled(self) -> tuple[Verdict, Try]:
        """Say what is true of a try that was cancelled by anything but a stop: perhaps taken, or certainly not."""
        now_ms, one = self._desk.clock.now_ms(), self.claimed
        if self.progress.content_begun:
            verdict = perhaps_taken(one.if_unknown, one.unknowns, now_ms, "worker_died")
        else:
            verdict = given_back(now_ms, "worker_died")
        tried = self._as_tried("worker_died", text="the try was cancelled")
        self._decide(verdict, tried)
        return verdict, tried

    def settled(self, ours: bool) -> None:
        """Tell of it, now that it is durable; `ours` is False when somebody else has settled this message."""
        self.over = True
        if ours:
            self.announce()
        else:
            self._lost()

    def announce(self) -> None:
        """Emit what this try came to; called once, after it is durable."""
        if self.verdict is not None and self.tried is not None:
            event = attempt_event(self.claimed, self.verdict, self.tried, self._desk.clock.now_ms())
            self._desk.events.emit(event)
        if self.bounce is not None and self.bounce.told is not None:
            self._desk.events.emit(self.bounce.told)

    async def _submit(self, envelope: Envelope) -> None:
        try:
            reply = await self._desk.transport.submit(envelope, self.progress, self._committing)
        except TryLater as error:
            # The mark could not be made durable: nothing was handed over, and the message is not to blame.
            now_ms = self._desk.clock.now_ms()
            self._decide(given_back(now_ms, "database_unavailable"), self._as_tried("not_marked", text=str(error)))
        except Exception as error:
            self._desk.events.emit(WorkerFailed(error=repr(error), retry_in_s=0))
            reply = Reply(
                Outcome.UNKNOWN if self.progress.content_begun else Outcome.TRANSIENT,
                self.progress.phase,
                text=f"internal error: {type(error).__name__}",
                server=self.progress.server,
            )
            self._judge(reply)
        else:
            self._judge(reply)

    def _committing(self) -> Awaitable[bool]:
        return self._commits.mark(self.claimed)

    def _judge(self, reply: Reply) -> None:
        self.reply = reply
        if reply.outcome is Outcome.NOT_OURS:
            self._lost()
            return
        now_ms, chance = self._desk.clock.now_ms(), random.random()  # noqa: S311  # jitter
        verdict = judge(reply, self.claimed, now_ms, chance, room=self._desk.transport.room() > 0)
        tried = Try(
            outcome=str(reply.outcome),
            phase=str(reply.phase),
            reply_code=reply.code if reply.code is not None and 200 <= reply.code <= 599 else None,
            enhanced_status=enhanced_status(reply.enhanced_status or ""),
            reply_text=_storable(reply.text),
            server=_storable(reply.server),
            started_at=self._started_at,
            duration_ms=self._duration_ms(),
        )
        self.bounce = self._desk.bounces.heard(self.claimed, tried)
        self._decide(verdict, tried)

    def _not_composed(self, error: Exception) -> Verdict:
        match error:
            case InvalidRecipient():
                return Verdict(state=State.FAILED, reason="invalid_recipient")
            case TemplateUnknown():
                return without_template(self.claimed, self._desk.clock.now_ms(), random.random())  # noqa: S311  # jitter
            case _:  # a mistake in a template is ours: the message waits until somebody has mended it
                return Verdict(state=State.HELD, reason="cannot_compose")

    def _decide(self, verdict: Verdict, tried: Try) -> None:
        self.verdict, self.tried = verdict, tried

    def _as_tried(self, outcome: str, text: str) -> Try:
        return Try(
            outcome=outcome,
            phase=str(self.progress.phase),
            reply_text=_storable(text),
            server=_storable(self.progress.server),
            started_at=self._started_at,
            duration_ms=self._duration_ms(),
        )

    def _lost(self) -> None:
        self.over = True
        one = self.claimed
        self._desk.events.emit(
            ClaimLost(
                message=str(one.id),
                template=one.template,
                recipient="",
                claim_number=one.claim_number,
                attempt=one.attempts + 1,
                request_id=one.request_id,
                traceparent=one.traceparent,
                started_at=self._started_at,
                duration_ms=self._duration_ms(),
            )
        )

    def _duration_ms(self) -> int:
        return round((self._desk.clock.monotonic() - self._started) * 1000)


def _storable(text: str | None) -> str | None:
    """Whatever a server, a transport or a template said, in a form that every database takes (PostgreSQL: no NUL)."""
    return one_line(text) or None if text else None
