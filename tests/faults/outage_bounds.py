"""What an outage, and a hostile server, may cost: memory, time, and the stop; each in a process of its own."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gatepost.testing import Behaviour, Drip, Drop, Endless, Hang, Say, Split, Step, SubmissionServer
from gatepost.transport.server import Server
from gatepost.transport.smtp import SmtpTransport
from gatepost.transport.transport import Envelope, Progress
from tests.faults.hanging import Reached
from tests.support.backlog import multiply_the_welcome
from tests.support.driver import registration
from tests.support.mail_process import MailProcess, mail_process
from tests.support.product import SLOTS, Product
from tests.support.programs import resident_kib
from tests.support.scaled_time import run_scaled, scaled_loop
from tests.support.service import Service

T = TypeVar("T")

HOUR_S = 3600.0
SENT_AFTERWARDS = 5_000
WARM = 100

ATTEMPT_TIMEOUT_S = 1.0
AT_ONCE = 16
MESSAGE_BYTES = 20_000
STEPS = (Step.CONNECT, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA, Step.DOT, Step.TAKEN)
BEHAVIOURS: tuple[Behaviour, ...] = (
    Hang(),
    Drop(),
    Split(0.2),
    Drip(b"250-wait\r\n", 0.02),
    Drip(b"2", 0.02),
    Endless(b"250-" + b"x" * 996 + b"\r\n"),
    Endless(b"x" * 1000),
    Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
)

GRACE_S = 1.0
HUNG_STEPS = (Step.CONNECT, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA, Step.CONTENT, Step.DOT, Step.TAKEN)


def apart(function: Callable[..., T], *arguments: object) -> T:
    """Call it in a fresh process, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


# A hundred thousand wait.


@dataclass(frozen=True)
class Growth:
    """Peak of the resident memory above what it was with nothing waiting, in KiB, and how many went out afterwards."""

    in_outage_kib: int
    sending_kib: int
    sent: int


def backlog_growth(folder: Path, waiting: int, speed: float) -> Growth:
    """An hour's outage while so many wait, then the first thousands go out."""
    with mail_process() as mail:
        return run_scaled(_backlog_growth(folder / "backlog.db", mail, waiting, speed))


async def _backlog_growth(database: Path, mail: MailProcess, waiting: int, speed: float) -> Growth:
    url, loop = f"sqlite:///{database}", scaled_loop()
    product = Product(url, mail.port)
    async with product.running():
        await product.register("warm", WARM)
        await product.accepted(2 * WARM)
    multiply = multiprocessing.get_context("spawn").Process(target=multiply_the_welcome, args=(database, waiting))
    multiply.start()
    await asyncio.to_thread(multiply.join)
    assert multiply.exitcode == 0
    mail.go_away()
    before_kib = forget_peak()
    product = Product(url, mail.port)
    async with product.running():
        loop.speed = speed
        await asyncio.sleep(HOUR_S)
        loop.speed = 1.0
        in_outage_kib = peak_kib() - before_kib
        mail.come_back()
        sent = min(waiting, SENT_AFTERWARDS)
        await product.accepted(sent)
        sending_kib = peak_kib() - before_kib
    return Growth(in_outage_kib, sending_kib, sent)


def forget_peak() -> int:
    """Let the peak of this process's memory be what it is now; returns it in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_kib()


def peak_kib() -> int:
    """The largest resident memory of this process since `forget_peak`."""
    return resident_kib(multiprocessing.current_process().pid or 0, "VmHWM")


# A hostile server.


@dataclass(frozen=True)
class Hostility:
    """One way to misbehave: how much later than its deadline the last of the attempts ended, and what it cost."""

    behaviour: Behaviour
    step: Step
    over_s: float
    grown_kib: int


def hostile_servers() -> list[Hostility]:
    """Every behaviour at every step, with as many attempts at once as a worker has slots."""
    with mail_process() as mail:
        return asyncio.run(_hostile_servers(mail))


async def _hostile_servers(mail: MailProcess) -> list[Hostility]:
    await _submit_all(mail.port)  # warm: what is imported and kept once is not what a hostile server costs
    found = []
    for behaviour in BEHAVIOURS:
        for step in STEPS:
            mail.at(step, behaviour)
            before_kib = forget_peak()
            took_s = await _submit_all(mail.port)
            found.append(Hostility(behaviour, step, took_s - ATTEMPT_TIMEOUT_S, peak_kib() - before_kib))
            mail.clear()
    return found


async def _submit_all(port: int) -> float:
    transport = SmtpTransport(
        [Server(host="127.0.0.1", port=port, tls="none")],
        connections=AT_ONCE,
        attempt_timeout_s=ATTEMPT_TIMEOUT_S,
        final_reply_timeout_s=ATTEMPT_TIMEOUT_S,
    )
    content = b"Message-ID: <1@x>\r\n\r\n" + b"0123456789" * (MESSAGE_BYTES // 10) + b"\r\n"

    async def one() -> float:
        began = time.monotonic()
        await transport.submit(Envelope("from@x.example", "to@y.example", content), Progress(), _marked)
        return time.monotonic() - began

    try:
        return max(await asyncio.gather(*(one() for _ in range(AT_ONCE))))
    finally:
        await transport.close()


async def _marked() -> bool:
    return True


# A stop while everything hangs.


@dataclass(frozen=True)
class Stop:
    """What SIGTERM came to while the mail server hung at one step."""

    step: Step
    exit_code: int
    took_s: float


def stops_while_hung(folder: Path) -> list[Stop]:
    """The real service, started as a shell does it, with every slot hung."""
    return [_stop_while_hung(folder, step) for step in HUNG_STEPS]


def _stop_while_hung(folder: Path, step: Step) -> Stop:
    place = folder / step
    place.mkdir()
    with SubmissionServer.in_thread() as mail:
        service = Service(place, mail.port, from_shell=True, SHUTDOWN_GRACE_S=GRACE_S, WORKER_SLOTS=SLOTS)
        try:
            hung = Reached(mail, step, 2)
            service.start()
            service.wait_until_ready()
            for number in range(SLOTS):
                assert 202 == service.post("/auth/register", **registration(f"hung-{number}@people.example"))[0]
            hung.wait()
            began = time.monotonic()
            service.terminate()
            code = service.wait_for_exit()
            return Stop(step, code, time.monotonic() - began)
        finally:
            service.close()
