"""What may go over the line, and in which form: no text may end a command or a message before its end. Pure."""

import re

from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.transport import Envelope

_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")


def unwritable(envelope: Envelope) -> Reply | None:
    """Refuse what would end before its end: an address within its command, a content with NUL (RFC 2045, 2.7)."""
    if _NOT_IN_A_PATH.search(envelope.return_path):
        text = "The return path has a character that may not be written to a server."
        return Reply(Outcome.PERMANENT, Phase.MAIL, text=text)
    if not envelope.recipient or _NOT_IN_A_PATH.search(envelope.recipient):
        text = "The recipient is empty or has a character that may not be written to a server."
        return Reply(Outcome.PERMANENT, Phase.RCPT, text=text)
    if b"\0" in envelope.content:
        # Some servers leave NUL out, and a dot behind one at the start of a line is then the end of the message.
        return Reply(Outcome.PERMANENT, Phase.DATA, text="The message has a NUL, which no message may hold.")
    return None


def on_the_wire(content: bytes) -> bytes:
    """Return content with CRLF line ends only, dots doubled at line starts, and the final dot (RFC 5321, 4.5.2)."""
    # Equal exactly when each CR and LF is half of a CRLF. Single bytes are what `replace` finds fastest: counting costs
    # four times as much.
    if content.replace(b"\r", b"").replace(b"\n", b"\r\n") != content:
        # A bare CR or LF lets two servers disagree about where a message ends.
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.rfind(b"\r\n.") >= 0:
        content = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if content.startswith(b".") else b"") + content + b".\r\n"
