"""Why an address must not be written to, and which mail that is about. Pure."""

from enum import StrEnum


class Scope(StrEnum):
    """Which mail a suppression stops."""

    ALL = "all"
    ALL_BUT_SECURITY = "all_but_security"  # what keeps somebody's account safe still goes out


class Reason(StrEnum):
    """Why there is a suppression. An address has at most one of each."""

    HARD_BOUNCE = "hard_bounce"  # the mailbox does not exist
    SOFT_BOUNCES = "soft_bounces"  # messages came back again and again, for reasons that may pass
    COMPLAINT = "complaint"  # its owner called a message spam
    UNSUBSCRIBED = "unsubscribed"  # its owner wants no more of it
    OPERATOR = "operator"  # somebody of the product said so


# What a mailbox that works again disproves.
BOUNCES = frozenset({Reason.HARD_BOUNCE, Reason.SOFT_BOUNCES})
