"""Delivery status notifications (RFC 3464; RFC 6533 where addresses are not ASCII): what became of a message. Pure."""

import re
from collections.abc import Sequence

from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.entity import Fields, groups
from gatepost.feedback.fact import Fact, Kind
from gatepost.feedback.report import Report, an_address, line, typed
from gatepost.mail.status import enhanced_status

SOURCE = "dsn"
TYPES = ("message/delivery-status", "message/global-delivery-status")
MAX_RECIPIENTS = 10  # a message of ours has one; a list on the way may have made more of it

# "relayed" is not here: the message went on to where nobody tells more.
_ACTIONS = {
    "failed": Kind.BOUNCED,
    "delayed": Kind.DELAYED,
    "delivered": Kind.DELIVERED,
    "expanded": Kind.DELIVERED,  # it arrived, and went on from there to several
}
_CLASSES = {"2": Kind.DELIVERED, "4": Kind.DELAYED, "5": Kind.BOUNCED}
_STATUS = re.compile(r"\s*([245]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}))(?![0-9.])")
_SAYS_NOTHING = ("4.0.0", "5.0.0")


def read_dsn(report: Report) -> list[Fact] | None:
    """Return the facts of a delivery status notification; None where the report is none."""
    content = report.part(*TYPES)
    if not content:
        return None
    found = groups(content, MAX_RECIPIENTS + 1)
    about_message = [group for group in found if not _is_recipient(group)]
    named = [one for group in about_message for one in group.every("x-original-message-id")]
    recipients = [group for group in found if _is_recipient(group)][:MAX_RECIPIENTS]
    facts = (_fact(report, group, content, named) for group in recipients)
    return [fact for fact in facts if fact is not None]


def _is_recipient(group: Fields) -> bool:
    return any(name in group for name in ("final-recipient", "action", "status"))


def _fact(report: Report, group: Fields, content: bytes, named: Sequence[str]) -> Fact | None:
    diagnostic_type, diagnostic = typed(group.first("diagnostic-code"))
    status = _status(group.first("status"), diagnostic if diagnostic_type in ("smtp", "") else "")
    kind = _kind(group.first("action"), status)
    if kind is None:
        return None
    final = typed(group.first("final-recipient"))[1]
    return Fact(
        source=SOURCE,
        event_id=report.event_id(content, final.lower(), kind),
        kind=kind,
        at=report.at(group.first("last-attempt-date")),
        bounce=bounce_of(status) if kind is Kind.BOUNCED else None,
        row_id=report.row_id(),
        message_id=report.message_id(*named, *group.every("x-original-message-id")),
        recipient=an_address(typed(group.first("original-recipient"))[1]) or an_address(final),
        status=status,
        text=line(diagnostic),
        proven=False,
    )


def _kind(action: str, status: str | None) -> Kind | None:
    """Say what is told: by the action, which servers may write a comment behind, and without one by the status."""
    words = action.lower().split(maxsplit=1)
    if not words:
        return None if status is None else _CLASSES[status[0]]
    return _ACTIONS.get(words[0])


def _status(said: str, diagnostic: str) -> str | None:
    """Take the status; where it says nothing, the one the recipient's server put into its reply."""
    found = _STATUS.match(said)
    if found is None or found[1] in _SAYS_NOTHING:
        return enhanced_status(diagnostic) or (found[1] if found else None)
    return found[1]
