"""The closed sets of what one try can come to: how far it got, what it means for the message, and for the server."""

from enum import StrEnum


class Phase(StrEnum):
    """How far a dialogue got: the step that was under way when it ended (RFC 5321, section 3)."""

    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    FINAL_REPLY = "final_reply"


class Outcome(StrEnum):
    """What one try came to."""

    ACCEPTED = "accepted"  # 2yz after the final dot
    TRANSIENT = "transient"  # 4yz, or the line broke or timed out before the final dot was written
    PERMANENT = "permanent"  # 5yz about this message or recipient
    UNREACHABLE = "unreachable"  # connection, TLS, AUTH or 421: says nothing about the message
    UNKNOWN = "unknown"  # the line broke or timed out after the final dot: it may have been taken
    NOT_OURS = "not_ours"  # `committing` said the claim is no longer ours: broken off before the content


class Fault(StrEnum):
    """What a try showed about the server, and not about the message: nothing more is tried over it for a while."""

    CONNECTION = "connection"  # no name, no address, no connection, or it broke before the first command
    TLS = "tls"  # no STARTTLS, no handshake, or a certificate that does not prove the name
    CLOSING = "closing"  # 421, or a refusal of everybody before MAIL: come back later
    AUTHENTICATION = "authentication"  # it takes our credentials no more, or offers no mechanism of ours
    SILENCE = "silence"  # it took the connection, or the whole content, and says nothing
