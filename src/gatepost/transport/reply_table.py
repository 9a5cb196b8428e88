"""What each reply means, as one table: for the message, for the server, for the address, and in words. Pure.

The first row that fits decides. RFC 5321, 4.2, for codes; RFC 3463 for enhanced statuses; RFC 4954, 6, for AUTH.
"""

from functools import lru_cache
from typing import NamedTuple

from gatepost.transport.outcome import Fault, Outcome, Phase
from gatepost.transport.reply_statuses import MAILBOX_FULL, NO_SUCH_ADDRESS, STATUSES

# What stands in the place of a code when the server did not say one.
BROKEN = "broken"  # the line broke
LATE = "late"  # a deadline of ours passed
LACKING = "lacking"  # it does not offer what we need, so that nothing was said
WITHOUT_REPLY = (BROKEN, LATE, LACKING)

ANY = "*"
CLOSING = 421  # the server closes the channel (RFC 5321, 3.8): says nothing about the message
UNPARSABLE_AS = 451  # what a reply counts as that is none
# Going through the table takes half a millisecond; servers repeat themselves.
MAX_REMEMBERED = 1024

EVERYWHERE = frozenset(Phase)
# Before MAIL nothing was said about the message: whatever goes wrong is the server's matter.
OPENING = frozenset({Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.AUTH})
MESSAGE = EVERYWHERE - OPENING
ENDED = frozenset({Phase.FINAL_REPLY})
OFFERED = MESSAGE - ENDED
ABOUT_RECIPIENT = MESSAGE - {Phase.MAIL}


class Row(NamedTuple):
    """One row.

    Args:
        where: the phases it is for.
        said: a reply code in which y and z are any digit, or one of BROKEN, LATE, LACKING; ANY for all of them.
        status: an enhanced status in which x is any class, ANY for any and for none.
        outcome: what it means for the message.
        fault: what it shows about the server; None when that may serve on.
        clause: what happened, in plain words; `sentence` adds what follows.
        suppresses: whether no later message to this address can arrive either.
    """

    where: frozenset[Phase]
    said: str
    status: str
    outcome: Outcome
    fault: Fault | None
    clause: str
    suppresses: bool = False

    @property
    def sentence(self) -> str:
        """What happened and what follows, for a person to read and to pass on."""
        return self.clause + _WHAT_FOLLOWS[self.outcome]

    def fits(self, phase: Phase, said: str, status: str | None) -> bool:
        """Say whether this row is about such an end."""
        return phase in self.where and _fits(self.said, said) and (self.status == ANY or _fits(self.status, status))


_WHAT_FOLLOWS = {
    Outcome.ACCEPTED: ".",
    Outcome.TRANSIENT: "; it is tried again.",
    Outcome.PERMANENT: "; it is not tried again.",
    Outcome.UNREACHABLE: "; that says nothing about the message, which goes out as soon as a mail server can be used.",
    Outcome.UNKNOWN: "; the recipient may have it.",
    Outcome.NOT_OURS: ".",
}


def _fits(pattern: str, said: str | None) -> bool:
    if said is None or pattern == ANY:
        return said is not None
    if pattern in WITHOUT_REPLY or said in WITHOUT_REPLY:
        return pattern == said
    return len(pattern) == len(said) and all(
        one == other or one in "xyz" for one, other in zip(pattern, said, strict=True)
    )


def _statuses() -> list[Row]:
    """Each status with 4 and with 5 in front: the class decides, but a mailbox that is full may have room tomorrow."""
    rows = [
        Row(ABOUT_RECIPIENT, "5yz", status, Outcome.PERMANENT, None, clause, suppresses=True)
        for status, clause in NO_SUCH_ADDRESS.items()
    ]
    rows.append(Row(MESSAGE, "5yz", "5.2.2", Outcome.TRANSIENT, None, MAILBOX_FULL))
    for status, clause in STATUSES.items():
        rows.append(Row(MESSAGE, "4yz", status, Outcome.TRANSIENT, None, clause))
        if clause != MAILBOX_FULL:
            rows.append(Row(MESSAGE, "5yz", status, Outcome.PERMANENT, None, clause))
    return rows


def _login(code: str, clause: str) -> list[Row]:
    """The server wants a login it does not get: also late, that is no message's fault."""
    return [
        Row(OFFERED, code, ANY, Outcome.UNREACHABLE, Fault.AUTHENTICATION, clause),
        Row(ENDED, code, ANY, Outcome.TRANSIENT, Fault.AUTHENTICATION, clause),
    ]


def _in(phase: Phase) -> frozenset[Phase]:
    return frozenset({phase})


_ASKED_TO_COME_BACK = "The mail server closed the connection and asks to come back later"
_NO_CONNECTION = "No connection to the mail server could be made"
_NO_ENCRYPTION = "No connection could be encrypted to the mail server, or it did not prove its name"
_NO_GREETING = "The mail server took the connection and did not greet"
_NO_LOGIN = "Logging in to the mail server did not succeed"
_NO_ANSWER = "The connection to the mail server broke, or no answer that can be read came in time"
_NO_FINAL_REPLY = "The mail server was given the whole message and did not say whether it took it"

TABLE: tuple[Row, ...] = (
    # The reply to the content.
    Row(ENDED, "2yz", ANY, Outcome.ACCEPTED, None, "The mail server took the message over"),
    # No answer to a content: it belongs to an earlier command, and the real one may say yes.
    Row(ENDED, "3yz", ANY, Outcome.UNKNOWN, None, _NO_FINAL_REPLY),
    Row(ENDED, BROKEN, ANY, Outcome.UNKNOWN, None, _NO_FINAL_REPLY),
    Row(ENDED, LATE, ANY, Outcome.UNKNOWN, Fault.SILENCE, _NO_FINAL_REPLY),
    Row(ENDED, "421", ANY, Outcome.TRANSIENT, Fault.CLOSING, _ASKED_TO_COME_BACK),
    # The server.
    Row(EVERYWHERE, "421", ANY, Outcome.UNREACHABLE, Fault.CLOSING, _ASKED_TO_COME_BACK),
    Row(_in(Phase.CONNECT), ANY, ANY, Outcome.UNREACHABLE, Fault.CONNECTION, _NO_CONNECTION),
    Row(_in(Phase.TLS), ANY, ANY, Outcome.UNREACHABLE, Fault.TLS, _NO_ENCRYPTION),
    Row(_in(Phase.GREETING), BROKEN, ANY, Outcome.UNREACHABLE, Fault.CONNECTION, _NO_GREETING),
    Row(_in(Phase.GREETING), LATE, ANY, Outcome.UNREACHABLE, Fault.SILENCE, _NO_GREETING),
    Row(_in(Phase.GREETING), ANY, ANY, Outcome.UNREACHABLE, Fault.CLOSING, "The mail server serves nobody at present"),
    Row(_in(Phase.AUTH), BROKEN, ANY, Outcome.UNREACHABLE, Fault.CONNECTION, _NO_LOGIN),
    Row(_in(Phase.AUTH), LATE, ANY, Outcome.UNREACHABLE, Fault.SILENCE, _NO_LOGIN),
    Row(_in(Phase.AUTH), "4yz", ANY, Outcome.UNREACHABLE, Fault.CLOSING, "The mail server takes no login at present"),
    Row(_in(Phase.AUTH), ANY, ANY, Outcome.UNREACHABLE, Fault.AUTHENTICATION, _NO_LOGIN),
    *_login("530", "The mail server wants a login first"),
    *_login("534", "The mail server finds our way of logging in too weak"),
    *_login("535", "The mail server does not accept our login"),
    *_login("538", "The mail server wants encryption before a login"),
    # The message.
    *_statuses(),
    Row(
        MESSAGE,
        "450",
        ANY,
        Outcome.TRANSIENT,
        None,
        "The recipient's mailbox is busy, or the mail server wants to wait",
    ),
    Row(MESSAGE, "451", ANY, Outcome.TRANSIENT, None, "Something went wrong within the mail server"),
    Row(MESSAGE, "452", ANY, Outcome.TRANSIENT, None, "The mail server or the recipient's mailbox has no space left"),
    Row(MESSAGE, "455", ANY, Outcome.TRANSIENT, None, "The mail server does not take a parameter of a command now"),
    Row(MESSAGE, "4yz", ANY, Outcome.TRANSIENT, None, 'The mail server said "not now"'),
    Row(MESSAGE, "500", ANY, Outcome.PERMANENT, None, "The mail server did not understand a command"),
    Row(MESSAGE, "501", ANY, Outcome.PERMANENT, None, "The mail server found a mistake in a command"),
    Row(MESSAGE, "502", ANY, Outcome.PERMANENT, None, "The mail server does not know a command"),
    Row(MESSAGE, "503", ANY, Outcome.PERMANENT, None, "The mail server did not expect this command at this point"),
    Row(MESSAGE, "504", ANY, Outcome.PERMANENT, None, "The mail server does not take a parameter of a command"),
    Row(MESSAGE, "521", ANY, Outcome.PERMANENT, None, "The mail server or the recipient's domain takes no mail"),
    Row(
        MESSAGE,
        "550",
        ANY,
        Outcome.PERMANENT,
        None,
        "The mailbox does not exist, or the mail server refuses the message",
    ),
    Row(MESSAGE, "551", ANY, Outcome.PERMANENT, None, "The recipient is not at this mail server any more"),
    # RFC 5321, 4.5.3.1.10: many servers mean "not now" by a 552 to a recipient.
    Row(_in(Phase.RCPT), "552", ANY, Outcome.TRANSIENT, None, "The recipient's mailbox has no space left"),
    Row(MESSAGE, "552", ANY, Outcome.PERMANENT, None, "The message takes more space than the mail server allows"),
    Row(MESSAGE, "553", ANY, Outcome.PERMANENT, None, "The mail server does not allow this address"),
    Row(MESSAGE, "554", ANY, Outcome.PERMANENT, None, "The mail server refused the message"),
    Row(MESSAGE, "555", ANY, Outcome.PERMANENT, None, "The mail server does not take a parameter of a command"),
    Row(MESSAGE, "556", ANY, Outcome.PERMANENT, None, "The domain of the recipient's address takes no mail"),
    Row(MESSAGE, "5yz", ANY, Outcome.PERMANENT, None, 'The mail server said "no"'),
    Row(MESSAGE, LACKING, ANY, Outcome.PERMANENT, None, "The message cannot be given to the mail server as it is"),
    Row(MESSAGE, ANY, ANY, Outcome.TRANSIENT, None, _NO_ANSWER),
)

# What a try came to when it was not a server that decided it.
_OF_OUR_OWN = {
    "worker_died": "The process died while it had the message; it is tried again, unless it may have been taken.",
    "given_back": "The service stopped before it had handed anything over; it is tried again after the start.",
    "not_marked": "The database could not write at this moment, so nothing was handed over; it is tried again.",
    "not_composed": "No mail could be made of it, by a mistake in a template or a value; nothing was handed over.",
    Outcome.NOT_OURS: "Another worker had taken the message meanwhile; nothing was handed over.",
    Outcome.ACCEPTED: "The mail server took the message over.",
    Outcome.TRANSIENT: "It did not work this time; it is tried again.",
    Outcome.PERMANENT: "It cannot be delivered; it is not tried again.",
    Outcome.UNREACHABLE: "No mail server could be used" + _WHAT_FOLLOWS[Outcome.UNREACHABLE],
    Outcome.UNKNOWN: "The content may have been taken, and nobody said so; the recipient may have it.",
}
_NEVER_HEARD_OF = "What came of it has no explanation here."


@lru_cache(MAX_REMEMBERED)
def row_for(phase: Phase, said: int | str, status: str | None) -> Row:
    """Return the row that decides.

    Args:
        phase: the step that was under way.
        said: the reply's code, UNPARSABLE_AS for what is no reply; or BROKEN, LATE, LACKING.
        status: class.subject.detail (RFC 3463), None when the server gave none.
    """
    return next(row for row in TABLE if row.fits(phase, str(said), status))


@lru_cache(MAX_REMEMBERED)
def explain(outcome: str, phase: str | None, reply_code: int | None, enhanced_status: str | None) -> str:
    """Say in one plain sentence what a stored attempt came to and what follows: for support, and to be passed on.

    Args:
        outcome: as stored: one of `Outcome`, or of delivery's own.
        phase: as stored, None when it is not known.
        reply_code: as stored, None when no reply came.
        enhanced_status: as stored, None when the server gave none.
    """
    row = row_of(outcome, phase, reply_code, enhanced_status)
    return row.sentence if row else _OF_OUR_OWN.get(outcome, _NEVER_HEARD_OF)


@lru_cache(MAX_REMEMBERED)
def row_of(outcome: str, phase: str | None, reply_code: int | None, enhanced_status: str | None) -> Row | None:
    """Return the row by which a stored attempt was judged; None when it was no server that decided.

    The arguments are those of `explain`.
    """
    saids = WITHOUT_REPLY if reply_code is None else (str(reply_code),)
    if phase in EVERYWHERE:
        for row in TABLE:
            if row.outcome == outcome and any(row.fits(Phase(phase), said, enhanced_status) for said in saids):
                return row
    return None
