"""Feedback reports in the Abuse Reporting Format (RFC 5965): somebody called a message spam. Pure."""

from gatepost.feedback.entity import groups
from gatepost.feedback.fact import Fact, Kind
from gatepost.feedback.report import Report, an_address, line

SOURCE = "arf"
TYPE = "message/feedback-report"

# Of RFC 5965 and its registry these are about what a person said. "not-spam" says the contrary, "virus" and
# "auth-failure" come from machines, "other" can be anything. "opt-out" was in the drafts, and is still sent.
_KINDS = {"abuse": Kind.COMPLAINED, "fraud": Kind.COMPLAINED, "opt-out": Kind.UNSUBSCRIBED}


def read_arf(report: Report) -> list[Fact] | None:
    """Return the fact of a feedback report, none where it is no complaint; None where the report is of another kind."""
    content = report.part(TYPE)
    if not content:
        return None
    said = groups(content, 1)
    if not said or (kind := _KINDS.get(said[0].first("feedback-type").lower())) is None:
        return []
    fields = said[0]
    recipients = [an_address(one) for one in [*fields.every("original-rcpt-to"), report.original().first("to")]]
    words = (fields.first("feedback-type").lower(), fields.first("user-agent"))
    return [
        Fact(
            source=SOURCE,
            event_id=report.event_id(content),
            kind=kind,
            at=report.at(fields.first("arrival-date"), fields.first("received-date")),
            row_id=report.row_id(*fields.every("original-mail-from")),
            message_id=report.message_id(),
            recipient=next((one for one in recipients if one), None),
            text=line(", by ".join(word for word in words if word)),
            proven=False,
        )
    ]
