"""Faults of the SMTP dialogue: what a server says, when it falls silent, and where it breaks off."""

from gatepost.testing import Behaviour, Delay, Drip, Drop, Endless, Extra, Hang, Refuse, Say, Step
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.mishaps import BOTH_TO_EACH, PEOPLE, QUICK, Mishap
from tests.faults.rig import Rig
from tests.support.programs import resident_kib

MESSAGES = BOTH_TO_EACH * PEOPLE
BEFORE_CONTENT = (Step.MAIL, Step.RCPT, Step.DATA)
GARBAGE = (
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"999 what\r\n",
    b"000 nothing\r\n",
    b"25\r\n",
    b"\r\n",
    b"\0\0\0\0\r\n",
    b"\xff\xfe\x00\x01\r\n",
    "все хорошо\r\n".encode("koi8-r"),
    b"\xd9\xa2\xd9\xa5\xd9\xa0 ok\r\n",
)
MAX_GROWTH_KIB = 8 * 1024


@fault(62, name="a slow greeting and a silent one", shows="I5 I7 I10", seeded=True)
def slow_and_silent_greetings(rig: Rig) -> None:
    """A greeting that comes late is waited for; one that never comes ends at the attempt's deadline, uncounted."""
    mishap = Mishap(rig, rig.mail_server(), **QUICK)
    mishap.mail.at(Step.CONNECT, Delay(rig.chance.uniform(0.1, 1.0)), times=2)
    mishap.register()
    mishap.wait_for_tries(MESSAGES, "accepted")
    mishap.mail.hang_up()
    mishap.mail.at(Step.CONNECT, Hang())
    mishap.register(label="late")
    mishap.wait_for_log("server_failed")
    assert not any(one.counted for one in mishap.wait_for_tries(1, "unreachable"))
    mishap.mail.clear()  # what has waited for nearly as long as it may goes on, and may be too late now
    mishap.finish()


@fault(63, name="continuation lines drip", shows="I3 I10", seeded=True)
def continuation_lines_drip(rig: Rig) -> None:
    """A reply that goes on and on ends at the attempt's deadline, however often a line comes; the next try goes out."""
    mishap = Mishap(rig, rig.mail_server(), **QUICK)
    mishap.mail.at(rig.chance.choice((Step.EHLO, *BEFORE_CONTENT)), Drip(b"250-wait\r\n", 0.02), times=1)
    mishap.register()
    mishap.wait_for_tries(1, "transient", "unreachable")
    mishap.mail.clear()
    mishap.finish()


@fault(64, name="an endless reply", shows="I3 I6", seeded=True)
def an_endless_reply(rig: Rig) -> None:
    """Lines, or one line, without end: a bounded reply is read, memory stays, and the next try goes out."""
    mishap = Mishap(rig, rig.mail_server(), **QUICK)
    mishap.register(1, label="first")
    mishap.wait_for_tries(BOTH_TO_EACH, "accepted")
    before_kib = resident_kib(mishap.system.workers[0].pid, "VmHWM")
    chunk = rig.chance.choice((b"250-" + b"x" * 996 + b"\r\n", b"x" * 1000))
    mishap.mail.at(rig.chance.choice(BEFORE_CONTENT), Endless(chunk), times=MESSAGES)
    mishap.register()
    mishap.wait_for_tries(MESSAGES, "transient", "unreachable")
    grown_kib = resident_kib(mishap.system.workers[0].pid, "VmHWM") - before_kib
    rig.tell(grown_mib=round(grown_kib / 1024, 1))
    assert grown_kib < MAX_GROWTH_KIB
    mishap.finish()


@fault(65, name="garbage instead of a reply", shows="I3 I10", seeded=True, ci=SQLITE)
def garbage_instead_of_a_reply(rig: Rig) -> None:
    """Another protocol, other alphabets, impossible codes: tried again later, never a crash, never accepted."""
    mishap = Mishap(rig, rig.mail_server(), **QUICK)
    mishap.mail.at(rig.chance.choice(BEFORE_CONTENT), Say(rig.chance.choice(GARBAGE)), times=2)
    mishap.register()
    mishap.finish()


@fault(66, name="replies nobody asked for", shows="I3")
def replies_nobody_asked_for(rig: Rig) -> None:
    """A 250 too many behind RCPT is not taken for the reply to the content, which was refused."""
    mishap = Mishap(rig, rig.mail_server(pipelining=False), **QUICK)
    victim = "mira-0@people.example"
    mishap.mail.at(Step.RCPT, Extra(b"250 2.0.0 Ok: queued\r\n"), recipient=victim)
    mishap.mail.at(Step.DOT, Refuse("554 5.7.1 No"), recipient=victim)
    mishap.register()
    tries = mishap.wait_for_tries(MESSAGES)
    assert "accepted" not in {one.outcome for one in tries if one.recipient == victim}
    mishap.mail.clear()
    mishap.finish()


@fault(69, name="451 and 452", shows="I3 I10", seeded=True)
def transient_refusals(rig: Rig) -> None:
    """A server that cannot now is asked again: at RCPT or after the content, also when a mailbox is full."""
    mishap = Mishap(rig, rig.mail_server())
    line = rig.chance.choice(("451 4.3.0 Later", "452 4.2.2 Mailbox full", "552 5.2.2 Mailbox full", "450 4.2.1 Busy"))
    mishap.mail.at(rig.chance.choice((Step.RCPT, Step.DOT)), Refuse(line), times=MESSAGES // 2)
    mishap.register()
    refused = mishap.wait_for_tries(MESSAGES // 2, "transient")
    assert {int(line[:3])} == {one.reply_code for one in refused}
    assert all(one.counted for one in refused)
    mishap.finish()


@fault(70, name="550 at RCPT", shows="I1 I3", databases=BOTH, seeded=True, ci=SQLITE)
def refused_recipient(rig: Rig) -> None:
    """An address that does not exist has failed after one try, and is suppressed; everybody else is served.

    Of its two messages the second may come to its turn after that: then it is not tried.
    """
    mishap = Mishap(rig, rig.mail_server())
    victim = f"mira-{rig.chance.randrange(PEOPLE)}@people.example"
    mishap.mail.at(Step.RCPT, Refuse("550 5.1.1 No such user"), recipient=victim)
    mishap.register()
    books = mishap.finish(ends={"failed", "suppressed"})
    found = {(one.recipient == victim, one.state, one.reason, one.tries) for one in books.messages}
    assert {
        (True, "failed", "refused", (("permanent", True),)),
        (False, "accepted", None, (("accepted", True),)),
    } == found - {(True, "suppressed", "hard_bounce", ())}
    ((address, reason, source),) = mishap.system.tables.read("SELECT address_key, reason, source FROM suppressions")[0]
    assert (victim, "hard_bounce", "smtp") == (address, reason, source)


@fault(71, name="554 to the content", shows="I1 I3", seeded=True)
def refused_content(rig: Rig) -> None:
    """A content that is refused for good has failed after one try, and was not received."""
    mishap = Mishap(rig, rig.mail_server())
    line = rig.chance.choice(("552 5.3.4 Too big", "554 5.7.1 Spam", "550 5.7.1 Policy"))
    mishap.mail.at(Step.DOT, Refuse(line), recipient="mira-0@people.example")
    mishap.register()
    books = mishap.finish(ends={"failed"})
    failed = [one for one in books.messages if one.state == "failed"]
    assert [(("permanent", True),)] * BOTH_TO_EACH == [one.tries for one in failed]


@fault(73, name="the connection drops before the content", shows="I1 I3", databases=BOTH, seeded=True)
def dropped_before_the_content(rig: Rig) -> None:
    """At MAIL, RCPT or DATA nothing was handed over: everything arrives, once."""
    mishap = Mishap(rig, rig.mail_server())
    for _ in range(3):
        mishap.mail.at(rig.chance.choice(BEFORE_CONTENT), Drop(), times=1, after=rig.chance.randrange(3))
    mishap.register()
    mishap.finish()


@fault(74, name="the connection drops within the body", shows="I1 I3", seeded=True)
def dropped_within_the_body(rig: Rig) -> None:
    """The server has read a part and takes nothing: no copy of anything is received."""
    mishap = Mishap(rig, rig.mail_server())
    cut = Drop(after_bytes=rig.chance.randrange(1, 1000), reset=rig.chance.random() < 0.5)
    mishap.mail.at(Step.CONTENT, cut, recipient="mira-0@people.example", times=1)
    mishap.register()
    mishap.wait_for_tries(1, "unknown", "transient")
    mishap.hasten_copies()
    mishap.finish()


@fault(75, name="the connection drops after the final dot", shows="I1 I3", databases=BOTH, seeded=True, ci=SQLITE)
def dropped_after_the_final_dot(rig: Rig) -> None:
    """Taken or not, nobody knows: a verification goes out again and arrives, a welcome never twice."""
    _without_a_final_reply(rig, Drop(reset=rig.chance.random() < 0.5))


@fault(76, name="250 comes after the deadline", shows="I1 I3", databases=BOTH, seeded=True)
def final_reply_after_the_deadline(rig: Rig) -> None:
    """As if it never came; and the server counts as one that cannot be used, until a probe says otherwise."""
    _without_a_final_reply(rig, Hang())


def _without_a_final_reply(rig: Rig, ending: Behaviour) -> None:
    mishap = Mishap(rig, rig.mail_server(), **QUICK)
    taken = rig.chance.random() < 0.5
    victim = f"mira-{rig.chance.randrange(PEOPLE)}@people.example"
    mishap.mail.at(Step.TAKEN if taken else Step.DOT, ending, recipient=victim, times=BOTH_TO_EACH)
    mishap.register()
    unknown = mishap.wait_for_tries(BOTH_TO_EACH, "unknown")
    assert {victim} == {one.recipient for one in unknown}
    mishap.mail.clear()
    books = mishap.finish(copies=1)
    assert {("verification", "accepted"), ("welcome", "unknown")} == {
        (one.template, one.state) for one in books.messages if one.recipient == victim
    }
    assert rig.figures["copies"] == (1 if taken else 0)


@fault(77, name="RST in the middle", shows="I1 I3", seeded=True)
def reset_in_the_middle(rig: Rig) -> None:
    """A reset before the content, as a firewall sends it: everything arrives, once."""
    mishap = Mishap(rig, rig.mail_server())
    steps = (Step.CONNECT, Step.EHLO, *BEFORE_CONTENT)
    mishap.mail.at(rig.chance.choice(steps), Drop(reset=True), times=2, after=rig.chance.randrange(2))
    mishap.register()
    mishap.finish()


@fault(79, name="one recipient a message", shows="I3")
def one_recipient_a_message(rig: Rig) -> None:
    """Some recipients refused and others not cannot be: no dialogue names more than one."""
    mishap = Mishap(rig, rig.mail_server())
    mishap.register(PEOPLE * 2)
    mishap.finish_uncounted()
    assert all("," not in one.recipient for one in mishap.mail.messages)
    assert len(mishap.mail.mail_commands) == len(mishap.mail.messages)


@fault(80, name="no SMTPUTF8 for an address that needs it", shows="I1 I8")
def no_smtputf8(rig: Rig) -> None:
    """That message has failed, with the reason; the others go out."""
    mishap = Mishap(rig, rig.mail_server(extensions=(b"8BITMIME", b"ENHANCEDSTATUSCODES")))
    mishap.register(1, label="jörg")
    mishap.register()
    books = mishap.finish(ends={"failed"})
    assert {(False, "failed"), (True, "accepted")} == {(one.recipient.isascii(), one.state) for one in books.messages}


@fault(81, name="SIZE smaller than the message", shows="I1 I3")
def size_smaller_than_the_message(rig: Rig) -> None:
    """It has failed after one try, without asking: the server had said so at EHLO."""
    mishap = Mishap(rig, rig.mail_server(max_bytes=500))
    mishap.register()
    assert {None} == {one.reply_code for one in mishap.wait_for_tries(MESSAGES)}
    books = mishap.finish(ends={"failed"})
    assert {("failed", (("permanent", True),))} == {(one.state, one.tries) for one in books.messages}
    assert [] == mishap.mail.messages == mishap.mail.refused
