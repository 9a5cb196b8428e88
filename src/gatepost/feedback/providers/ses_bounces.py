"""What Amazon SES's kinds of bounces say of an address; Resend passes the same words on. Pure.

Documented at docs.aws.amazon.com/ses/latest/dg/notification-contents.html, "Bounce types".
"""

from gatepost.feedback.fact import Bounce

_TRANSIENT = frozenset({"Transient", "Temporary"})  # the second is what Resend's page calls it
# "General" says that it is permanent and not why; "OnAccountSuppressionList" may be there for a complaint.
_NO_SUCH_ADDRESS = frozenset({"NoEmail", "Suppressed"})
# Of the message, not of the mailbox.
_OF_THE_MESSAGE = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected", "CustomTimeoutExceeded"})


def said(kind: str, part: str) -> Bounce:
    """Return what a bounceType and a bounceSubType say by themselves."""
    if kind == "Permanent" and part in _NO_SUCH_ADDRESS:
        return Bounce.HARD
    if kind in _TRANSIENT and part not in _OF_THE_MESSAGE:
        return Bounce.SOFT
    return Bounce.OTHER


def is_ambiguous(kind: str, part: str, status: str | None) -> bool:
    """Say whether it may be an automatic answer ("I am on holiday") to a message that did arrive.

    SES tells of those as transient, general bounces; only what carries a status of a mail server is surely none.
    """
    return kind in _TRANSIENT and part == "General" and status is None
