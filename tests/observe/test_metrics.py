"""Metrics: what is counted, and that no label can grow without bound."""

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from gatepost.events import (
    AddressSuppressed,
    BouncesUnusual,
    CredentialsRefused,
    Event,
    FeedbackReceived,
    FeedbackRefused,
    LinkOpened,
    MessageAccepted,
    MessageDeferred,
    MessageEvent,
    MessageGivenBack,
    OperatorSignedIn,
    OperatorSignInRefused,
    ProbeFailed,
    RegistrationReceived,
    RequestAnswered,
    SignUpsUnusual,
)
from gatepost.feedback.fact import Kind
from gatepost.feedback.taken import Outcome
from gatepost.observe.metrics import MAX_ROUTES, Metrics
from gatepost.suppression.reason import Reason


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    text = metrics.exposition({"queued": 3, "held": 5}, 1.5, 2).decode()
    for family in text_string_to_metric_families(text):
        for found in family.samples:
            if found.name == name and found.labels == labels:
                return float(found.value)
    return None


def settled(kind: type[MessageEvent], outcome: str | None, since_enqueued_ms: int = 0) -> MessageEvent:
    return kind(
        message="m",
        template="welcome",
        recipient="a***@example.com",
        claim_number=1,
        attempt=1,
        outcome=outcome,
        since_enqueued_ms=since_enqueued_ms,
    )


def registered(outcome: str) -> Event:
    return RegistrationReceived(request_id="r", outcome=outcome, account_id=None, recipient="", messages=())


def answered(route: str, status: int = 202, method: str = "POST") -> Event:
    return RequestAnswered(request_id="r", method=method, route=route, status=status, duration_ms=4)


def counted(*happened: Event) -> Metrics:
    metrics = Metrics()
    for event in happened:
        metrics.on_event(event)
    return metrics


def test_registrations_are_counted_by_outcome() -> None:
    """Each outcome is a series, and begins at 0, so that its first event is an increase."""
    metrics = counted(registered("created"), registered("created"), registered("taken"))
    assert sample(metrics, "gatepost_registrations_total", outcome="created") == 2
    assert sample(metrics, "gatepost_registrations_total", outcome="taken") == 1
    assert sample(metrics, "gatepost_registrations_total", outcome="waiting") == 0


def test_tries_are_counted_by_outcome_and_moves_by_state() -> None:
    """A try has an outcome; a message given back before a dialogue has none and counts as no try."""
    metrics = counted(
        settled(MessageAccepted, "accepted"),
        settled(MessageDeferred, "unreachable"),
        settled(MessageDeferred, "transient"),
        settled(MessageGivenBack, None),
    )
    assert sample(metrics, "gatepost_attempts_total", outcome="accepted") == 1
    assert sample(metrics, "gatepost_attempts_total", outcome="unreachable") == 1
    assert sample(metrics, "gatepost_messages_settled_total", state="deferred") == 2
    assert sample(metrics, "gatepost_messages_settled_total", state="queued") == 1
    assert sample(metrics, "gatepost_attempts_total", outcome="other") is None


def test_the_way_to_acceptance_is_a_histogram_in_seconds() -> None:
    """Only accepted messages are in it."""
    metrics = counted(settled(MessageAccepted, "accepted", 40), settled(MessageDeferred, "transient", 5000))
    assert sample(metrics, "gatepost_enqueued_to_accepted_seconds_count") == 1
    assert sample(metrics, "gatepost_enqueued_to_accepted_seconds_sum") == pytest.approx(0.04)
    assert sample(metrics, "gatepost_enqueued_to_accepted_seconds_bucket", le="0.05") == 1
    assert sample(metrics, "gatepost_enqueued_to_accepted_seconds_bucket", le="0.025") == 0


def test_the_depth_is_what_the_database_says_at_the_scrape() -> None:
    """Depth, age and workers are handed in with every scrape; a state that is gone leaves no stale number."""
    metrics = Metrics()
    assert sample(metrics, "gatepost_queue_depth", state="queued") == 3
    assert sample(metrics, "gatepost_oldest_waiting_seconds") == 1.5
    assert sample(metrics, "gatepost_workers") == 2
    later = metrics.exposition({"held": 8}, 0, 0).decode()
    assert 'gatepost_queue_depth{state="held"} 8.0' in later
    assert "gatepost_workers 0.0" in later
    assert 'state="queued"' not in later


def test_answers_are_counted_by_route_and_status() -> None:
    """The route is the template of the path."""
    metrics = counted(answered("/auth/register"), answered("/auth/register", 422), answered("/auth/register", 422))
    assert sample(metrics, "gatepost_http_requests_total", method="POST", route="/auth/register", status="422") == 2
    assert sample(metrics, "gatepost_http_request_duration_seconds_count", route="/auth/register") == 3
    assert sample(metrics, "gatepost_http_request_duration_seconds_sum", route="/auth/register") == pytest.approx(0.012)


def test_no_label_grows_without_bound() -> None:
    """Paths, methods and outcomes nobody knows share one series each."""
    metrics = counted(
        *(answered(f"/{number}") for number in range(1_000)),
        *(answered("/0", method=f"M{number}") for number in range(1_000)),
        *(answered("/0", status=status) for status in (0, 99, 600, 9999)),
        *(registered(f"outcome {number}") for number in range(1_000)),
        *(settled(MessageAccepted, f"outcome {number}") for number in range(1_000)),
    )
    text = metrics.exposition({}, 0, 1).decode()
    assert text.count("gatepost_http_request_duration_seconds_count") == MAX_ROUTES + 1
    assert text.count("gatepost_http_requests_total{") == MAX_ROUTES + 3
    assert text.count("gatepost_registrations_total{") == 6
    assert text.count("gatepost_attempts_total{") == 1


def test_two_gateposts_share_no_numbers() -> None:
    """Each has a registry of its own, and the process-wide one stays the host's."""
    first, second = counted(registered("created")), Metrics()
    assert sample(first, "gatepost_registrations_total", outcome="created") == 1
    assert sample(second, "gatepost_registrations_total", outcome="created") == 0
    assert [family.name for family in REGISTRY.collect() if family.name.startswith("gatepost")] == []


def test_servers_are_shown_while_there_are_any() -> None:
    """1 or 0 for each; a transport that has none any more shows none, and no room."""
    metrics = Metrics()
    text = metrics.exposition({}, 0, 1, usable={"a:587": True, "b:587": False}, room=3).decode()
    assert 'gatepost_server_usable{server="a:587"} 1.0' in text
    assert 'gatepost_server_usable{server="b:587"} 0.0' in text
    assert "gatepost_transport_room 3.0" in text
    later = metrics.exposition({}, 0, 1).decode()
    assert "gatepost_server_usable{" not in later
    assert "gatepost_transport_room 0.0" in later


def test_the_log_of_writes_is_shown() -> None:
    """Its size, and 0 where there is none."""
    assert sample(Metrics(), "gatepost_database_log_bytes") == 0
    assert "gatepost_database_log_bytes 8192.0" in Metrics().exposition({}, 0, 0, log_bytes=8192).decode()


def suppressed(reason: str) -> Event:
    return AddressSuppressed(suppression="s", recipient="a***@example.com", reason=reason, scope="all", source="smtp")


def test_suppressions_are_counted_by_reason() -> None:
    """Each reason begins at 0."""
    metrics = counted(suppressed("hard_bounce"), suppressed("hard_bounce"), suppressed("complaint"))
    assert sample(metrics, "gatepost_suppressed_addresses_total", reason="hard_bounce") == 2
    assert sample(metrics, "gatepost_suppressed_addresses_total", reason="complaint") == 1
    assert sample(metrics, "gatepost_suppressed_addresses_total", reason="operator") == 0


def test_every_reason_and_every_kind_there_is_has_a_label() -> None:
    """None of ours is counted as other."""
    metrics = counted(
        *[suppressed(str(reason)) for reason in Reason],
        *[FeedbackReceived(source="ses", kind=str(kind), outcome=str(one)) for kind in Kind for one in Outcome],
    )
    assert sample(metrics, "gatepost_suppressed_addresses_total", reason="other") is None
    assert {1.0} == {
        sample(metrics, "gatepost_feedback_total", source="ses", kind=str(kind), outcome=str(one))
        for kind in Kind
        for one in Outcome
    }


def test_the_alarm_of_bounces_is_counted() -> None:
    """Whoever watches metrics and no log hears of it too."""
    metrics = counted(BouncesUnusual(server="mail.example.com:587", hard=11, answers=50))
    assert sample(metrics, "gatepost_bounces_unusual_total") == 1


def test_feedback_is_counted_by_what_became_of_it() -> None:
    """What was refused has no kind; names that nobody knows do not grow the series."""
    metrics = counted(
        FeedbackReceived(source="dsn", kind="bounced", outcome="applied"),
        FeedbackReceived(source="dsn", kind="bounced", outcome="applied"),
        FeedbackRefused(source="ses", reason="forged"),
        *[FeedbackRefused(source=f"name-{number}", reason="forged") for number in range(50)],
    )
    assert sample(metrics, "gatepost_feedback_total", source="dsn", kind="bounced", outcome="applied") == 2
    assert sample(metrics, "gatepost_feedback_total", source="ses", kind="other", outcome="refused") == 1
    assert sample(metrics, "gatepost_feedback_total", source="other", kind="other", outcome="refused") == 50


def test_a_held_queue_is_shown() -> None:
    """1 while it is held; whoever watches sees why nothing goes out."""
    assert sample(Metrics(), "gatepost_queue_held") == 0
    assert "gatepost_queue_held 1.0" in Metrics().exposition({}, 0, 0, held=True).decode()


def test_what_is_rare_is_counted_one_by_one() -> None:
    """Alarms are raised by them. A probe that fails is no second refusal of the credentials."""
    failed = {"server": "a:587", "cause": "authentication", "phase": "auth", "reply_code": 535, "reply_text": ""}
    metrics = counted(
        SignUpsUnusual(per_hour=700),
        CredentialsRefused(**failed, probe_in_s=1),
        ProbeFailed(**failed, probe_in_s=2),
    )
    assert sample(metrics, "gatepost_sign_ups_unusual_total") == 1
    assert sample(metrics, "gatepost_credentials_refused_total") == 1


def test_opened_links_are_counted_by_opener() -> None:
    """Both begin at 0, and no third one is believed."""
    metrics = counted(
        *[LinkOpened(request_id="r", purpose="verify", opener=one) for one in ("person", "person", "scanner", "cat")]
    )
    assert sample(metrics, "gatepost_links_opened_total", opener="person") == 2
    assert sample(metrics, "gatepost_links_opened_total", opener="scanner") == 1
    assert sample(metrics, "gatepost_links_opened_total", opener="other") == 1
    assert sample(Metrics(), "gatepost_links_opened_total", opener="scanner") == 0


def test_tries_to_sign_in_as_an_operator_are_counted() -> None:
    """No name of an operator is a label."""
    metrics = counted(
        OperatorSignedIn(request_id="r", operator="mira", role="owner"),
        *[OperatorSignInRefused(request_id="r", reason=one) for one in ("no_operator", "wrong_password")],
    )
    assert sample(metrics, "gatepost_operator_sign_ins_total", outcome="signed_in") == 1
    assert sample(metrics, "gatepost_operator_sign_ins_total", outcome="refused") == 2
