"""Prints the outbox: a page of messages, or one with its tries. Reads beside the service and writes nothing."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

from gatepost.accounts.keys import Keys
from gatepost.cli import text
from gatepost.clock import SystemClock, iso
from gatepost.database.connection import Work
from gatepost.database.opening import open_for_reading
from gatepost.explain.sentence import sentence
from gatepost.explain.story import Story, read_story
from gatepost.feedback.history import FactRow
from gatepost.mail.address import parse_address
from gatepost.outbox import search
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow
from gatepost.settings import Settings, development_keys
from gatepost.settings.development import FILE_NAME
from gatepost.transport.reply_table import explain

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """Which messages are asked for; None means any. `before` is the id of the last message of the page before."""

    recipient: str | None
    state: State | None
    template: str | None
    limit: int
    before: uuid.UUID | None


async def print_list(settings: Settings, question: Question, *, as_json: bool) -> None:
    """Print a page of messages, newest first.

    Raises:
        InvalidInput: the recipient is no address.
        StartRefused: the database cannot be read.
    """
    recipient_keys = None if question.recipient is None else _recipient_keys(settings, question.recipient)
    rows = await _read(
        settings,
        partial(
            search.page,
            recipient_keys=recipient_keys,
            state=question.state,
            template=question.template,
            before=question.before,
            limit=question.limit,
        ),
    )
    following = str(rows[-1].id) if len(rows) == question.limit else None
    if as_json:
        print(json.dumps({"messages": [_plain(asdict(row)) for row in rows], "next": following}, indent=2))
        return
    text.columns(
        ("id", "created", "state", "reason", "template", "recipient", "attempts"),
        (
            (row.id, iso(row.created_at), row.state, row.reason, row.template, row.recipient, row.attempts)
            for row in rows
        ),
    )
    if following is not None:
        print(f"older ones: --before {following}")


async def print_one(settings: Settings, id: uuid.UUID, *, as_json: bool) -> bool:
    """Print what became of one message, with its tries; False when there is none with this id."""
    story = await _read(settings, partial(read_story, message_id=id))
    if story is None:
        return False
    summary = sentence(story, SystemClock().now_ms())
    if as_json:
        shown = {
            "summary": summary,
            "message": _plain(asdict(story.message)),
            "attempts": [_plain(asdict(one)) | {"explanation": _explained(one)} for one in story.tries],
            "feedback": [_plain(asdict(one)) for one in story.facts],
            "opens": [_plain(asdict(one)) for one in story.opens],
            "actions": [_plain(asdict(deed)) for deed in story.deeds],
            "resent_as": [str(one) for one in story.resent_as],
        }
        print(json.dumps(shown, indent=2))
    else:
        print(f"{text.printable(summary)}\n")
        _describe(story)
    return True


def _describe(story: Story) -> None:
    for_json = _plain(asdict(story.message))
    about = [(name.replace("_", " "), value) for name, value in for_json.items()]
    text.pairs([*about, *(("resent as", one) for one in story.resent_as)])
    if not story.tries:
        print("\nnever tried")
    else:
        _describe_attempts(story.tries)
    if story.facts:
        _describe_facts(story.facts)
    if story.opens:
        print()
        text.columns(("link opened by", "at"), ((one.opener, iso(one.opened_at)) for one in story.opens))
    if story.deeds:
        print()
        text.columns(
            ("action", "at", "by", "from", "to", "new message", "reason"),
            (
                (deed.action, iso(deed.at), deed.actor, deed.state_before, deed.state_after, deed.result, deed.reason)
                for deed in story.deeds
            ),
        )


def _describe_attempts(tries: Sequence[AttemptRow]) -> None:
    print()
    text.columns(
        ("try", "started", "phase", "outcome", "reply", "server", "took", "in words"),
        (
            (
                "not counted" if attempt.number is None else attempt.number,
                iso(attempt.started_at),
                attempt.phase,
                attempt.outcome,
                _reply(attempt),
                attempt.server,
                None if attempt.duration_ms is None else f"{attempt.duration_ms} ms",
                _explained(attempt),
            )
            for attempt in tries
        ),
    )


def _describe_facts(facts: Sequence[FactRow]) -> None:
    print()
    text.columns(
        ("what came back", "at", "from", "bounce", "status", "in its words"),
        ((one.kind, iso(one.at), one.source, one.bounce, one.status, one.detail) for one in facts),
    )


def _explained(attempt: AttemptRow) -> str:
    return explain(attempt.outcome, attempt.phase, attempt.reply_code, attempt.enhanced_status)


def _reply(attempt: AttemptRow) -> str:
    parts = (attempt.reply_code, attempt.reply_text or attempt.enhanced_status)
    return " ".join(str(part) for part in parts if part)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(name, value) for name, value in row.items()}


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return iso(value) if (name == "at" or name.endswith("_at")) and value is not None else value


def _recipient_keys(settings: Settings, recipient: str) -> Sequence[str]:
    # An address nobody has an account for is stored as a keyed hash: support still finds why nothing came.
    key = parse_address(recipient).key
    secrets = settings.secret_keys
    if not secrets and (settings.data_folder / FILE_NAME).exists():
        secrets = development_keys(settings.data_folder)
    if not secrets:
        return [key]
    return [key, *Keys([secret.get_secret_value() for secret in secrets]).hidden_addresses(key)]


async def _read(settings: Settings, query: Work[T]) -> T:
    database = await open_for_reading(settings.database_url)
    try:
        return await database.read(query)
    finally:
        await database.close()
