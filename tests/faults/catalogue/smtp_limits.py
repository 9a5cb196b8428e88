"""Faults of servers that limit, throttle, refuse the login, and of lines that are slow or forget."""

import asyncio
import time

from gatepost.testing import AtOnce, Greylist, PerConnection, Refuse, Step
from tests.faults.entry import SQLITE, fault
from tests.faults.mishaps import BOTH_TO_EACH, PEOPLE, Mishap
from tests.faults.rig import Rig
from tests.support.ledgers import differences, read_books
from tests.support.product import Product
from tests.support.scaled_time import run_scaled
from tests.support.slow_line import SlowLine, slow_line
from tests.support.tables import SqliteTables

MESSAGES = BOTH_TO_EACH * PEOPLE
LOGIN = ("ann", "right")
GREY_S = 300.0
SPEED = 100.0
BYTES_PER_S = 1000.0  # 8 kbit/s
LOSS = 0.2


@fault(67, name="421 at connect", shows="I7 I10", seeded=True, ci=SQLITE)
def closing_at_connect(rig: Rig) -> None:
    """The server is full for a while: no attempt is counted, and a probe finds out when it is not."""
    mishap = Mishap(rig, rig.mail_server())
    mishap.mail.at(Step.CONNECT, Refuse("421 4.3.2 Too many connections"), times=rig.chance.randrange(1, 4))
    mishap.register()
    mishap.wait_for_log("server_failed")
    mishap.finish_uncounted()


@fault(67, name="421 in the middle", shows="I3 I7 I10", seeded=True)
def closing_in_the_middle(rig: Rig) -> None:
    """421 at MAIL, RCPT or DATA is the server's matter: what was not handed over is tried again, uncounted."""
    mishap = Mishap(rig, rig.mail_server())
    step = rig.chance.choice((Step.MAIL, Step.RCPT, Step.DATA))
    mishap.mail.at(step, Refuse("421 4.3.2 Closing"), times=rig.chance.randrange(1, 4))
    mishap.register()
    mishap.finish_uncounted()


@fault(67, name="421 after every 10 messages", shows="I3 I10")
def closing_after_every_ten(rig: Rig) -> None:
    """A server that ends each session after ten messages: new connections, no attempt too many, no copy."""
    mishap = Mishap(rig, rig.mail_server(), slots=2)
    mishap.mail.at(Step.MAIL, PerConnection(10))
    mishap.register(20)
    mishap.finish_uncounted()
    carried = [one.connection for one in mishap.mail.messages]
    assert max(carried.count(number) for number in carried) == 10


@fault(67, name="421 to more than two connections", shows="I3 I7 I10")
def fewer_connections_than_slots(rig: Rig) -> None:
    """A server that allows two connections, and eight slots: everything arrives, no attempt is counted."""
    mishap = Mishap(rig, rig.mail_server(), slots=8)
    mishap.mail.at(Step.CONNECT, AtOnce(2))
    mishap.register(20)
    mishap.finish_uncounted()
    rig.tell(connections=mishap.mail.connections_total)


@fault(68, name="greylisted for five minutes", shows="I1 I3 I10")
def greylisted_for_five_minutes(rig: Rig) -> None:
    """450 until five minutes have passed, on a clock that runs faster: then accepted, once, after a few tries."""
    mail = rig.mail_server()
    mail.at(Step.RCPT, Greylist(GREY_S / SPEED))
    tables = SqliteTables(rig.folder / "grey.db")

    async def live() -> None:
        product = Product(f"sqlite:///{tables.path}", mail.port)
        async with product.running():
            await product.register("grey", PEOPLE)
            await product.accepted(MESSAGES, 60)

    run_scaled(live(), SPEED)
    books = read_books(tables)
    assert [] == differences((), books, list(mail.messages))
    assert MESSAGES == len(mail.messages)
    tries = {len(one.tries) for one in books.messages}
    rig.tell(tries=f"{min(tries)} to {max(tries)}")
    assert tries <= set(range(4, 8)), "5 s, 30 s, 2 min, 10 min: the fifth try or so comes after five minutes"


@fault(72, name="535 to the login", shows="I7 I8")
def refused_login(rig: Rig) -> None:
    """An alarm, no attempt counted and no message sent; with the right password again everything goes out."""
    mail = rig.mail_server(credentials=LOGIN)
    mail.credentials = ("ann", "changed by somebody")
    mishap = Mishap(rig, mail, SMTP_URL=f"smtp://{LOGIN[0]}:{LOGIN[1]}@127.0.0.1:{mail.port}")
    mishap.register()
    mishap.wait_for_log("credentials_refused")
    assert [] == mail.mail_commands
    logins = mail.auth_commands
    mail.credentials = LOGIN
    mishap.finish_uncounted()
    rig.tell(logins_refused=logins)
    assert logins <= MESSAGES + 1, "refused logins are not tried again and again"


@fault(78, name="kept connections die while idle", shows="I3 I10", seeded=True)
def kept_connections_die(rig: Rig) -> None:
    """Ended by the server or forgotten on the way: a new one is opened, and nothing counts as an attempt too many."""
    mail = rig.mail_server()
    with slow_line(SlowLine(mail.port)) as line:
        mishap = Mishap(rig, mail, SMTP_URL=f"smtp://127.0.0.1:{line.port}")
        endings = [mail.hang_up, line.forget_connections]
        rig.chance.shuffle(endings)
        for part, end in enumerate(endings):
            mishap.register(2, label=f"part-{part}")
            mishap.wait_for_tries((part + 1) * 2 * BOTH_TO_EACH, "accepted")
            end()
        mishap.register(2, label="last")
        mishap.finish_uncounted()


@fault(82, name="a line of 8 kbit a second", shows="I3 I5")
def a_slow_line(rig: Rig) -> None:
    """A message of some kilobytes takes seconds, and is neither broken off nor sent twice."""
    mail = rig.mail_server()
    with slow_line(SlowLine(mail.port, bytes_per_s=BYTES_PER_S)) as line:
        mishap = Mishap(rig, mail, SMTP_URL=f"smtp://127.0.0.1:{line.port}")
        began = time.monotonic()
        mishap.register(2)
        mishap.finish_uncounted()
        rig.tell(seconds=round(time.monotonic() - began, 1))


@fault(83, name="a fifth of the packets lost", shows="I3 I10", seeded=True)
def lost_packets(rig: Rig) -> None:
    """Pauses of fractions of a second to seconds, wherever they fall: everything arrives, once."""
    mail = rig.mail_server()
    with slow_line(SlowLine(mail.port, loss=LOSS, seed=rig.seed)) as line:
        mishap = Mishap(rig, mail, SMTP_URL=f"smtp://127.0.0.1:{line.port}")
        mishap.register()
        mishap.finish_uncounted()
        rig.tell(packets_lost=line.lost)


@fault(84, name="up and down again and again", shows="I1 I3 I10", seeded=True)
async def flapping(rig: Rig) -> None:
    """A server that comes and goes every few seconds under load: nothing lost, no hot loop."""
    mishap = Mishap(rig, rig.mail_server())
    async with rig.load(mishap.system) as driver:
        for _ in range(3):
            await asyncio.sleep(rig.chance.uniform(0.5, 2.0))  # the fault itself; nothing is waited for
            await asyncio.to_thread(mishap.mail.go_away)
            await asyncio.sleep(rig.chance.uniform(0.5, 4.0))
            await asyncio.to_thread(mishap.mail.come_back)
            await driver.wait_for(len(driver.acknowledged) + 1)
    mishap.promised += driver.acknowledged
    await asyncio.to_thread(mishap.finish, copies=len(driver.acknowledged))
    rig.tell(tries=len(mishap.tries()))
