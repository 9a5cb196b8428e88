"""Servers nobody should meet: what each does, and the outcome every client must come to.

Read the tables as: whatever the server did, this is what we may say of the message.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gatepost.testing import Behaviour, Delay, Drip, Drop, Endless, Extra, Hang, Refuse, Say, Split, Step
from gatepost.transport.reply import Outcome
from tests.transport.hostile import Case, Manner
from tests.transport.submitting import LARGE_BYTES

ACCEPTED, TRANSIENT, PERMANENT, UNREACHABLE, UNKNOWN = (
    Outcome.ACCEPTED,
    Outcome.TRANSIENT,
    Outcome.PERMANENT,
    Outcome.UNREACHABLE,
    Outcome.UNKNOWN,
)
CARELESS: Mapping[str, Any] = {"orderly": False}

OPENING = (Step.CONNECT, Step.EHLO)
COMMANDS = (Step.MAIL, Step.RCPT, Step.DATA)
REPLIES = (*OPENING, *COMMANDS, Step.DOT, Step.TAKEN)
UNENCRYPTED: tuple[tuple[Step, dict[str, Any]], ...] = tuple((step, {}) for step in REPLIES)
ALL_REPLIES: tuple[tuple[Step, dict[str, Any]], ...] = (
    *UNENCRYPTED,
    (Step.STARTTLS, {"tls": "starttls", "login": True}),
    (Step.AUTH, {"tls": "starttls", "login": True}),
    (Step.AUTH, {"tls": "implicit", "login": True}),
)

GARBAGE = (
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"000 nothing\r\n",
    b"999 what\r\n",
    b"25\r\n",
    b"2 0 ok\r\n",
    b"-10 ok\r\n",
    b"+25 ok\r\n",
    b"2_5 ok\r\n",
    b"\xd9\xa2\xd9\xa5\xd9\xa0 ok\r\n",
    b"\r\n",
    b"\0\0\0\0\r\n",
    b"\xff\xfe\x00\x01\r\n",
    b"\x16\x03\x01\x02\x00\x01\r\n",
)


def cut_off(step: Step) -> Outcome:
    """What it means that nothing more comes at a step."""
    if step in (Step.DOT, Step.TAKEN):
        return UNKNOWN
    return UNREACHABLE if step in (*OPENING, Step.STARTTLS, Step.HANDSHAKE, Step.AUTH) else TRANSIENT


def misunderstood(step: Step) -> Outcome:
    """What it means that no reply was given, but something else: it counts as 451."""
    return TRANSIENT if step in (Step.DOT, Step.TAKEN) else cut_off(step)


def silent() -> Iterator[Case]:
    """Nothing more comes, or the connection ends, or a reply comes that never ends."""
    behaviours: dict[str, Behaviour] = {
        "hangs": Hang(),
        "hangs up": Drop(),
        "drips lines": Drip(b"250-wait\r\n", 0.02),
        "drips letters": Drip(b"2", 0.02),
    }
    handshakes = ((Step.HANDSHAKE, {"tls": tls}) for tls in ("starttls", "implicit"))
    for step, options in (*ALL_REPLIES, *handshakes):
        for name, behaviour in behaviours.items():
            yield Case(f"{name} at {step} {options.get('tls', '')}", ((step, behaviour),), cut_off(step), **options)
    for name in ("hangs", "hangs up"):
        yield Case(f"{name} in the content", ((Step.CONTENT, behaviours[name]),), TRANSIENT, size=LARGE_BYTES)


def too_much() -> Iterator[Case]:
    """A reply without end, in one line or in many."""
    for step, options in ALL_REPLIES:
        for name, chunk in {"lines": b"250-" + b"x" * 996 + b"\r\n", "letters": b"x" * 1000}.items():
            name = f"endless {name} at {step} {options.get('tls', '')}"
            yield Case(name, ((step, Endless(chunk)),), misunderstood(step), lies=True, **options)


def garbled() -> Iterator[Case]:
    """Bytes that are no reply."""
    for step, options in ALL_REPLIES:
        for said in GARBAGE:
            name = f"{said!r} at {step} {options.get('tls', '')}"
            yield Case(name, ((step, Say(said)),), misunderstood(step), lies=True, **options)


def closing() -> Iterator[Case]:
    """421 at every step: the server's matter, until the content is there."""
    refuse = Refuse("421 4.3.2 Closing")
    for step, options in ALL_REPLIES:
        outcome = TRANSIENT if step in (Step.DOT, Step.TAKEN) else UNREACHABLE
        yield Case(f"421 at {step} {options.get('tls', '')}", ((step, refuse),), outcome, 421, lies=True, **options)
    yield Case("421 in the content", ((Step.CONTENT, Say(b"421 bye\r\n")),), UNREACHABLE, 421, size=LARGE_BYTES)


def refusing() -> Iterator[Case]:
    """No, at one command or at several; the first one counts."""
    for step in (*COMMANDS, Step.DOT, Step.TAKEN):
        for said, outcome in {"451 4.7.1 Later": TRANSIENT, "554 5.7.1 Never": PERMANENT}.items():
            for options in ({}, CARELESS):
                name = f"{said} at {step}, {'whatever comes after it' if options else ''}"
                yield Case(name, ((step, Refuse(said)),), outcome, int(said[:3]), lies=True, server=options)
    for step in COMMANDS:
        for code in (530, 534, 535, 538):
            yield Case(f"{code} at {step}", ((step, Refuse(f"{code} 5.7.0 Who are you")),), UNREACHABLE, code)
    later, never = Refuse("450 4.2.0 Later"), Refuse("553 5.1.3 Never")
    for one, other in ((later, never), (never, later)):
        code = int(one.line[:3])
        outcome = TRANSIENT if one is later else PERMANENT
        yield Case(f"{code} at MAIL, the other at RCPT", _at(MAIL=one, RCPT=other), outcome, code, server=CARELESS)
        yield Case(f"{code} at RCPT, the other at DATA", _at(RCPT=one, DATA=other), outcome, code, server=CARELESS)
        yield Case(f"{code} at RCPT, the other to the dot", _at(RCPT=one, DOT=other), outcome, code, server=CARELESS)
        yield Case(
            f"{code} at MAIL, the other at DATA", _at(MAIL=one, RCPT=Say(b"250 ok\r\n"), DATA=other), outcome, code
        )
    accepting = Say(b"250 2.0.0 Accepted nothing for nobody\r\n")
    yield Case("550 at RCPT, the dot accepted", _at(RCPT=never, DOT=accepting), PERMANENT, 553, server=CARELESS)
    afterwards: dict[str, Behaviour] = {
        "hangs": Hang(),
        "hangs up": Drop(),
        "endless": Endless(),
        "421": Refuse("421 bye"),
    }
    for name, then in afterwards.items():
        yield Case(f"550 at RCPT, then at DATA {name}", _at(RCPT=never, DATA=then), PERMANENT, 553, server=CARELESS)
        yield Case(f"550 at RCPT, then to the dot {name}", _at(RCPT=never, DOT=then), PERMANENT, 553, server=CARELESS)


def out_of_place() -> Iterator[Case]:
    """A reply that is one, but none to this command."""
    for step, outcome in {Step.CONNECT: UNREACHABLE, Step.EHLO: UNREACHABLE}.items():
        for said in (b"220 hello\r\n" if step is Step.EHLO else b"250 ok\r\n", b"354 go\r\n", b"550 no\r\n"):
            yield Case(f"{said!r} at {step}", ((step, Say(said)),), outcome, int(said[:3]))
    for step in COMMANDS:
        wrong = b"250 ok\r\n" if step is Step.DATA else b"354 go\r\n"
        yield Case(f"{wrong!r} at {step}", ((step, Say(wrong)),), TRANSIENT, int(wrong[:3]))
        yield Case(f"150 at {step}", ((step, Say(b"150 wait\r\n")),), TRANSIENT)
    for step, said in ((Step.MAIL, b"299 fine\r\n"), (Step.RCPT, b"252 maybe\r\n"), (Step.TAKEN, b"299 fine\r\n")):
        code = int(said[:3]) if step is Step.TAKEN else 250
        yield Case(f"{said!r} at {step}", ((step, Say(said, goes_on=True)),), ACCEPTED, code)
    for said in (b"334 \r\n", b"250 ok\r\n", b"535 5.7.8 no\r\n"):
        yield Case(
            f"{said!r} at AUTH", ((Step.AUTH, Say(said)),), UNREACHABLE, int(said[:3]), tls="implicit", login=True
        )
    yield Case("454 at STARTTLS", ((Step.STARTTLS, Say(b"454 no\r\n")),), UNREACHABLE, 454, tls="starttls", login=True)
    injected = b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"
    yield Case("injected replies", ((Step.STARTTLS, Say(injected)),), UNREACHABLE, tls="starttls", login=True)
    yield Case("injected letter", ((Step.STARTTLS, Say(b"220 go\r\n2")),), UNREACHABLE, tls="starttls", login=True)
    for tls in ("starttls", "implicit"):
        says = ((Step.HANDSHAKE, Say(b"220 in the clear\r\n")),)
        yield Case(f"plain text for a handshake {tls}", says, UNREACHABLE, tls=tls, login=True)


def surplus() -> Iterator[Case]:
    """Replies nobody asked for, behind the usual one. None of them may stand for the end of the content."""
    words = (b"250 again\r\n", b"250 a\r\n250 b\r\n250 c\r\n", b"354 go\r\n250 taken\r\n", b"250-", b"\0")
    for step, outcome in {Step.CONNECT: UNREACHABLE, Step.EHLO: UNREACHABLE}.items():
        for said in (*words, b"550 no\r\n"):
            yield Case(f"surplus {said!r} at {step}", ((step, Extra(said)),), outcome)
    for step in COMMANDS:
        for said in words:
            yield _surplus(step, said, TRANSIENT)
        for code in (421, 451, 550):
            outcome = UNREACHABLE if code == 421 else TRANSIENT
            yield _surplus(step, b"%d no\r\n" % code, outcome, code if code == 421 else None)
    for said in (*words, b"354 go\r\n", b"451 no\r\n", b"550 no\r\n"):
        yield Case(f"surplus {said!r} at {Step.TAKEN}", ((Step.TAKEN, Extra(said)),), UNKNOWN, 250)
    yield Case("surplus 421 at taken", ((Step.TAKEN, Extra(b"421 bye\r\n")),), ACCEPTED, 250)
    for said, outcome in {b"451 no\r\n250 yes\r\n": UNKNOWN, b"550 no\r\n250 yes\r\n": UNKNOWN}.items():
        yield Case(f"{said!r} to the dot", ((Step.TAKEN, Say(said)),), outcome, int(said[:3]))
    for said, outcome in {b"451 no\r\n421 bye\r\n": TRANSIENT, b"550 no\r\n421 bye\r\n": PERMANENT}.items():
        yield Case(f"{said!r} to the dot", ((Step.DOT, Say(said)),), outcome, int(said[:3]))
    pushed = ((Step.RCPT, Extra(b"354 go\r\n")), (Step.DATA, Delay(0.1)), (Step.TAKEN, Delay(0.1)))
    yield Case(
        "a 354 too early, and the right one late",
        pushed,
        TRANSIENT,
        otherwise={Manner.AHEAD: (UNKNOWN, 354)},
        why="Sent ahead, DATA has the early 354 for its answer; the late one then answers the content: nobody knows.",
    )


def _surplus(step: Step, said: bytes, outcome: Outcome, code: int | None = None) -> Case:
    """Sent ahead, the surplus reply stands where the one to the next command belongs, and is judged as that."""
    first = int(said[:3]) if said[:3].isdigit() and said.endswith(b"\n") else None
    otherwise = {}
    if first is not None and code is None and (step is Step.MAIL or (step is Step.RCPT and first != 354)):
        otherwise = {Manner.AHEAD: (PERMANENT if first == 550 else TRANSIENT, first)}
    why = "The surplus reply stands where the next one belongs; a server may refuse, and accepted it is not."
    return Case(f"surplus {said!r} at {step}", ((step, Extra(said)),), outcome, code, otherwise=otherwise, why=why)


def odd_but_right() -> Iterator[Case]:
    """Servers that are slow, talkative or old, and take the message in the end."""
    for step in REPLIES:
        yield Case(f"{step} byte by byte", ((step, Split()),), ACCEPTED, 250)
        yield Case(f"{step} after a pause", ((step, Delay(0.03)),), ACCEPTED, 250)
    everywhere = tuple((step, Delay(0.02)) for step in REPLIES)
    yield Case("a pause before every reply", everywhere, ACCEPTED, 250)
    yield Case("every reply byte by byte", tuple((step, Split()) for step in REPLIES), ACCEPTED, 250)
    for step in (Step.MAIL, Step.RCPT, Step.TAKEN):
        for said in (
            b"250-one\r\n250-two\r\n250 three\r\n",
            b"250-\r\n250\r\n",
            b"250\r\n",
            b"250 line feed only\n",
            b"250 n\0u\0l\r\n",
            b"250 \xff\xfe\r\n",
            b"250 " + b"x" * 4000 + b"\r\n",
            (b"250-" + b"x" * 500 + b"\r\n") * 60 + b"250 long\r\n",
        ):
            yield Case(f"{said[:40]!r} at {step}", ((step, Say(said, goes_on=True)),), ACCEPTED, 250)
    yield Case("354 in two lines", ((Step.DATA, Say(b"354-go\r\n354 on\r\n", goes_on=True)),), ACCEPTED, 250)
    for size in (b"0", b"", b"abc", b"-1", b"99999999999999999999", b"9" * 5000, b"1 2", b"\xd9\xa1"):
        hello = b"250-hello\r\n250 SIZE " + size + b"\r\n"
        yield Case(f"SIZE {size[:21]!r}", ((Step.EHLO, Say(hello)),), ACCEPTED, 250)
    small = ((Step.EHLO, Say(b"250-hello\r\n250 SIZE 500\r\n")),)
    yield Case("SIZE 500", small, PERMANENT, size=1000)
    many = b"".join(b"250-X-%d\r\n" % number for number in range(1000))
    for keywords in (
        b"250 hello\r\n",
        b"250-\r\n250-\r\n250 \r\n",
        b"250-hi\r\n250 pipelining\r\n",
        many + b"250 SIZE\r\n",
    ):
        yield Case(f"EHLO {keywords[:30]!r}", ((Step.EHLO, Say(keywords)),), ACCEPTED, 250)


def between_messages() -> Iterator[Case]:
    """RSET after a refusal: whatever comes of it, a new connection takes the message."""
    behaviours: dict[str, Behaviour] = {
        "hangs": Hang(),
        "hangs up": Drop(),
        "421": Refuse("421 4.3.2 Enough"),
        "502": Refuse("502 5.5.1 No such command"),
        "451": Refuse("451 4.3.0 Later"),
        "354": Say(b"354 go\r\n"),
        "garbage": Say(b"what\r\n"),
        "endless": Endless(),
        "byte by byte": Split(),
    }
    for name, behaviour in behaviours.items():
        yield Case(f"RSET {name}", ((Step.RSET, behaviour),), ACCEPTED, 250, before="a refusal")


def contradicting() -> Iterator[Case]:
    """Where one client reads a reply and the other does not. Both are right: nothing says what such bytes mean."""
    why = "aiosmtplib goes by the last line's code, we by no reply whose lines disagree (RFC 5321, 4.2.1)."
    for step in (*COMMANDS, Step.DOT):
        for said, outcome in {b"250-yes\r\n550 no\r\n": PERMANENT, b"550-no\r\n451 no\r\n": TRANSIENT}.items():
            otherwise = {Manner.REFEREE: (outcome, int(said[-8:-5]))}
            yield Case(f"{said!r} at {step}", ((step, Say(said)),), TRANSIENT, otherwise=otherwise, why=why)
    why = "aiosmtplib takes any character behind the code for a space, we only a space, a hyphen or the line's end."
    for step in (Step.MAIL, Step.RCPT, Step.TAKEN):
        says = ((step, Say(b"250x ok\r\n", goes_on=True)),)
        name = f"a letter behind the code at {step}"
        yield Case(name, says, TRANSIENT, otherwise={Manner.REFEREE: (ACCEPTED, 250)}, why=why, lies=True)


def _at(**steps: Behaviour) -> tuple[tuple[Step, Behaviour], ...]:
    return tuple((Step[name], behaviour) for name, behaviour in steps.items())


CORPUS = {
    kind.__name__: tuple(kind())
    for kind in (
        silent,
        too_much,
        garbled,
        closing,
        refusing,
        out_of_place,
        surplus,
        odd_but_right,
        between_messages,
        contradicting,
    )
}
