"""Faults of the mail server as a whole and of the way to it: away, silent, unknown to DNS, dead for one domain."""

import contextlib
import socket
import time
from collections.abc import Iterator

from gatepost.testing import Hang, Step
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.mishaps import BOTH_TO_EACH, QUICK, Mishap
from tests.faults.outage_hour import OutageHour
from tests.faults.rig import Rig
from tests.support.mail_process import mail_process
from tests.support.scaled_time import run_scaled
from tests.support.tables import SqliteTables, Tables

DEAD = "dead.example"
ALIVE = 99
DEAD_MESSAGES = 30
MAX_RATIO = 5.0  # on a machine that others use too; without lanes they get nothing at all
SERVED_TIMEOUT_S = 30.0

HOUR_WAITING = 1_000
HOUR_SPEED = 600.0


@fault(55, name="connection refused", shows="I5 I7 I10", databases=BOTH, ci=SQLITE)
def connection_refused(rig: Rig) -> None:
    """Everybody is answered 202, nothing is counted as an attempt, and a probe finds out when it is back."""
    mishap = Mishap(rig, rig.mail_server())
    mishap.mail.go_away()
    mishap.register()
    mishap.wait_for_log("server_failed")
    late = mishap.register(label="late")
    mishap.mail.come_back()
    books = mishap.finish_uncounted()
    tries = max(len(one.tries) for one in books.messages if one.recipient in late)
    assert tries <= len(mishap.system.workers), "tried though it was known that nobody was there; each worker finds out"


@fault(56, name="SYN is dropped", shows="I5 I7 I10")
def syn_is_dropped(rig: Rig) -> None:
    """A connection that never comes about ends at its deadline; the server is back when one does."""
    mail = rig.mail_server()
    mail.go_away()
    with _black_hole(mail.port):
        mishap = Mishap(rig, mail, **QUICK)
        mishap.register()
        mishap.wait_for_log("server_failed")
    mail.come_back()
    mishap.finish_uncounted()


@fault(56, name="the first of two servers drops SYN", shows="I5 I7", ci=SQLITE)
def the_first_of_two_drops_syn(rig: Rig) -> None:
    """The second one carries the mail meanwhile; nothing is counted, nothing is sent twice."""
    first, second = rig.mail_server(), rig.mail_server()
    first.go_away()
    urls = ",".join(f"smtp://127.0.0.1:{server.port}" for server in (first, second))
    with _black_hole(first.port):
        mishap = Mishap(rig, second, SMTP_URL=urls, ATTEMPT_TIMEOUT_S=4)
        mishap.register()
        mishap.finish_uncounted()


@contextlib.contextmanager
def _black_hole(port: int) -> Iterator[None]:
    """Somebody listens whose queue is full: Linux answers no further SYN."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        yield


@fault(85, name="one domain dead and 99 alive", shows="I5", seeded=True, ci=SQLITE)
def one_domain_dead(rig: Rig) -> None:
    """Messages to a domain that hangs hold up nobody else: all others arrive while it hangs, about as fast as ever."""
    mishap = Mishap(rig, rig.mail_server(), slots=16)
    without = _served(mishap, "before")
    mishap.mail.at(Step.RCPT, Hang(), recipient=f"*@{DEAD}")
    mishap.register(DEAD_MESSAGES, label="dead", domain=DEAD)
    beside = _served(mishap, "beside")
    assert not any(one.recipient.endswith(DEAD) for one in mishap.mail.messages), "the dead domain answered"
    mishap.mail.clear()
    mishap.finish()
    rig.tell(p95_without_ms=round(without * 1000), p95_beside_ms=round(beside * 1000), ratio=round(beside / without, 2))
    assert beside / without <= MAX_RATIO, f"p95 {without:.3f} s without a dead domain, {beside:.3f} s beside one"


def _served(mishap: Mishap, label: str) -> float:
    """Register one person of each living domain after the other; returns the p95 from the promise to the second mail.

    One at a time, so that it is the way of a message that is measured, and not how many slots there are for a crowd.
    """
    waits = []
    for number in range(ALIVE):
        before = len(mishap.mail.messages)
        (address,) = mishap.register(1, label=label, domain=f"alive-{number}.example")
        promised_at = time.monotonic()
        mails = mishap.mail.wait_for_blocking(before + BOTH_TO_EACH, SERVED_TIMEOUT_S)[before:]
        assert {address} == {one.recipient for one in mails}
        waits.append(max(0.0, max(one.accepted_at for one in mails) - promised_at))
    return sorted(waits)[int(0.95 * ALIVE)]


@fault(86, name="an hour's outage", shows="I1 I3 I7 I10", databases=BOTH)
def an_hours_outage(rig: Rig) -> None:
    """On a clock that runs faster: all delivered, oldest first, the first within 5 s."""
    if rig.database == "sqlite":
        path = rig.folder / "hour.db"
        tables: Tables = SqliteTables(path)
        url = f"sqlite:///{path}"
    else:
        tables = made = rig.new_database()
        url = made.url
    with mail_process() as mail:
        hour = run_scaled(OutageHour(mail, tables, url, waiting=HOUR_WAITING, speed=HOUR_SPEED).run())
    rig.tell(first_s=round(hour.first_s, 2), drain_ratio=round(hour.drain_ratio, 2), tries=hour.tries_in_outage)
    assert (HOUR_WAITING, 0, 0) == (hour.delivered, hour.copies, hour.counted_attempts)
    assert hour.first_s <= 5.0
    assert max(hour.displaced, hour.late) <= 100
