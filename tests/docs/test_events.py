"""docs/reference/events.md and metrics.md against the code."""

import inspect
import re
from dataclasses import fields

from gatepost import events
from gatepost.observe.log import event_name, level_of
from gatepost.observe.metrics import Metrics
from tests.docs.pages import REFERENCE, code_words, rows, section
from tests.docs.source import argument, calls, returned

PAGE = (REFERENCE / "events.md").read_text()
EVENTS = {
    event_name(kind): kind
    for _, kind in inspect.getmembers(events, inspect.isclass)
    if issubclass(kind, events.Event) and kind not in (events.Event, events.MessageEvent)
}


def documented() -> dict[str, list[str]]:
    """The rows of all tables of events, by name."""
    return {code_words(cells[0])[0]: cells for cells in rows(PAGE) if len(cells) == 4}


def test_every_event_is_documented_with_its_level():
    """The tables hold each event once, as loud as the log writes it."""
    assert {name: cells[1] for name, cells in documented().items()} == {
        name: level_of(kind) for name, kind in EVENTS.items()
    }


def test_every_field_is_documented():
    """Each event's fields stand in its row; those that all events of messages share stand above their table."""
    shared = code_words(section(PAGE, "Messages").split("\n\n")[0])
    of_messages = [field.name for field in fields(events.MessageEvent)]
    assert [word for word in shared if word in of_messages] == of_messages
    for name, cells in documented().items():
        if not issubclass(EVENTS[name], events.MessageEvent):
            assert (name, code_words(cells[2])) == (name, [field.name for field in fields(EVENTS[name])])


def test_every_reason_to_refuse_a_token_is_documented():
    """The table has each text a BadToken is raised with."""
    raised = {text for call in calls("BadToken") for text in argument(call, 0, "")} | returned("_closed")
    found = {code_words(cells[0])[0] for cells in rows(section(PAGE, "Accounts")) if len(cells) == 2}
    assert found == raised


def test_every_reason_to_refuse_a_sign_in_is_documented():
    """The table has each reason `_refusal` gives, and the one of what is no address."""
    found = {code_words(cells[0])[0] for cells in rows(section(PAGE, "Why a sign-in is refused"))}
    assert found == returned("_refusal") | {"malformed"}


def test_every_reason_to_refuse_an_operator_is_documented():
    """The row has each reason `_why_no_session` gives, and the one of what changed while the password was hashed."""
    said = set(code_words(documented()["operator_sign_in_refused"][3])) - {"reason"}
    assert said == returned("_why_no_session") | {"changed_meanwhile"}


def test_every_metric_is_documented():
    """The table has each metric with its kind and labels."""
    page = (REFERENCE / "metrics.md").read_text()
    described = {code_words(cells[0])[0]: (cells[1], code_words(cells[2])) for cells in rows(page)}
    metrics, exposed = Metrics(), {}
    exposition = metrics.exposition({}, 0.0, 1).decode()
    labels = {
        f"{one._name}{'_total' if one._type == 'counter' else ''}": list(one._labelnames)
        for one in vars(metrics).values()
        if hasattr(one, "_labelnames")
    }
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", exposition, re.MULTILINE):
        if not name.endswith("_created"):
            exposed[name] = (kind, labels[name])
    assert described == exposed
