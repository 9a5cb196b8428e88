"""docs/reference/replies.md as the table of replies has it; `python -m tests.docs.replies` writes the page anew."""

from gatepost.transport.outcome import Phase
from gatepost.transport.reply_table import ANY, BROKEN, EVERYWHERE, LACKING, LATE, MESSAGE, TABLE, Row
from tests.docs.pages import REFERENCE

PAGE = REFERENCE / "replies.md"
BEGIN = "<!-- the table, by `python -m tests.docs.replies` -->"

_WHERE = {EVERYWHERE: "anywhere", MESSAGE: "MAIL to final reply"}
_SAID = {
    ANY: "anything else",
    BROKEN: "the line broke",
    LATE: "nothing in time",
    LACKING: "not offered",
}


def generated() -> str:
    """The three tables."""
    statuses: dict[str, list[Row]] = {}
    for row in TABLE:
        if row.status != ANY:
            statuses.setdefault(row.status.partition(".")[2], []).append(row)
    lines = ["| where | reply | outcome | server | in words |", "|---|---|---|---|---|"]
    lines += [_line(row) for row in TABLE if row.status == ANY]
    lines += ["", "## Enhanced statuses", ""]
    lines += ["| status | with 4 | with 5 | address | in words |", "|---|---|---|---|---|"]
    lines += [_status_line(detail, rows) for detail, rows in sorted(statuses.items(), key=lambda one: _order(one[0]))]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    where = _WHERE.get(row.where) or ", ".join(phase.replace("_", " ") for phase in Phase if phase in row.where)
    said = _SAID.get(row.said, row.said)
    return f"| {where} | {said} | `{row.outcome}` | {row.fault or ''} | {row.clause}. |"


def _status_line(detail: str, rows: list[Row]) -> str:
    by_class = {number: next(row for row in rows if row.said == f"{number}yz") for number in (4, 5)}
    address = "suppressed with 5" if any(row.suppresses for row in rows) else _counts(detail)
    words = by_class[5].clause if by_class[5].clause == by_class[4].clause else _both(by_class[4], by_class[5])
    return f"| x.{detail} | `{by_class[4].outcome}` | `{by_class[5].outcome}` | {address} | {words}. |"


def _counts(detail: str) -> str:
    return "counts" if detail.split(".")[0] == "2" else ""


def _both(four: Row, five: Row) -> str:
    return f"{four.clause}; with 5: {five.clause[0].lower()}{five.clause[1:]}"


def _order(detail: str) -> list[int]:
    return [int(part) for part in detail.split(".")]


if __name__ == "__main__":
    head = PAGE.read_text().partition(BEGIN)[0]
    PAGE.write_text(f"{head}{BEGIN}\n\n{generated()}")
