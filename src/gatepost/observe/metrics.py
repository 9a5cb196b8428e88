"""Counts events for Prometheus, in a registry of its own. Every label has a bounded set of values."""

import threading
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gatepost import events

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_ROUTES = 100
OTHER = "other"

_REGISTRATIONS = frozenset({"created", "waiting", "taken", "refused", "repeated"})
_OUTCOMES = frozenset({"accepted", "transient", "permanent", "unreachable", "unknown", "not_ours"})
_REASONS = frozenset({"hard_bounce", "soft_bounces", "complaint", "unsubscribed", "operator"})
_SOURCES = frozenset({"ses", "postmark", "sendgrid", "mailgun", "resend", "standard", "dsn", "arf"})
_KINDS = frozenset({"delivered", "delayed", "bounced", "complained", "unsubscribed"})
_CAME_OF_FACTS = frozenset({"applied", "kept", "repeated", "unmatched"})
REFUSED = "refused"
SIGNED_IN = "signed_in"
_OPENERS = frozenset({"person", "scanner"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# The state each event says a message was brought to.
_STATES: Mapping[type[events.Event], str] = {
    events.MessageAccepted: "accepted",
    events.MessageDeferred: "deferred",
    events.MessageFailed: "failed",
    events.MessageUnknown: "unknown",
    events.MessageExpired: "expired",
    events.MessageCancelled: "cancelled",
    events.MessageHeld: "held",
    events.MessageSuppressed: "suppressed",
    events.MessageGivenBack: "queued",
}

_MAIL_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 14400)
_HTTP_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What /metrics shows. Subscribe `on_event`."""

    def __init__(self) -> None:
        # Not the library's global registry: two Gateposts in one process must not meet, nor ours the host's.
        self._registry = registry = CollectorRegistry(auto_describe=True)
        self._scraping = threading.Lock()
        self._routes: set[str] = set()
        self._registrations = Counter(
            "gatepost_registrations", "Registrations by what came of them.", ["outcome"], registry=registry
        )
        self._attempts = Counter(
            "gatepost_attempts", "Tries to submit a message, by outcome.", ["outcome"], registry=registry
        )
        self._settled = Counter(
            "gatepost_messages_settled", "Moves of messages at the end of a try.", ["state"], registry=registry
        )
        self._accepted = Histogram(
            "gatepost_enqueued_to_accepted_seconds",
            "From the commit that enqueued a message to the server's acceptance.",
            buckets=_MAIL_BUCKETS_S,
            registry=registry,
        )
        self._depth = Gauge(
            "gatepost_queue_depth", "Messages that are not over, by state.", ["state"], registry=registry
        )
        self._oldest = Gauge(
            "gatepost_oldest_waiting_seconds", "Age of the oldest message that waits.", registry=registry
        )
        self._usable = Gauge(
            "gatepost_server_usable", "Whether messages may go to a submission server.", ["server"], registry=registry
        )
        self._room = Gauge(
            "gatepost_transport_room", "Messages that may be begun beside those under way.", registry=registry
        )
        self._log_bytes = Gauge(
            "gatepost_database_log_bytes", "Size of the log of writes beside the database file.", registry=registry
        )
        self._workers = Gauge("gatepost_workers", "Workers that live on this database.", registry=registry)
        self._held = Gauge("gatepost_queue_held", "Whether an operator holds the whole queue.", registry=registry)
        self._suppressed = Counter(
            "gatepost_suppressed_addresses", "Addresses suppressed, by reason.", ["reason"], registry=registry
        )
        self._unusual = Counter(
            "gatepost_bounces_unusual", "Times a source of bounces was no longer believed.", registry=registry
        )
        self._crowds = Counter(
            "gatepost_sign_ups_unusual", "Minutes with more sign-ups than usual on the whole.", registry=registry
        )
        self._credentials = Counter(
            "gatepost_credentials_refused", "Times a server took our credentials no more.", registry=registry
        )
        self._opened = Counter(
            "gatepost_links_opened", "Mailed links opened for the first time, by whom.", ["opener"], registry=registry
        )
        self._operators = Counter(
            "gatepost_operator_sign_ins", "Tries to sign in as an operator.", ["outcome"], registry=registry
        )
        self._feedback = Counter(
            "gatepost_feedback", "Facts that came back.", ["source", "kind", "outcome"], registry=registry
        )
        self._requests = Counter(
            "gatepost_http_requests", "Answers by route.", ["method", "route", "status"], registry=registry
        )
        self._durations = Histogram(
            "gatepost_http_request_duration_seconds",
            "Time to answer, by route.",
            ["route"],
            buckets=_HTTP_BUCKETS_S,
            registry=registry,
        )
        for outcome in sorted(_REGISTRATIONS):  # a series that begins at 0 has a rate from its first event on
            self._registrations.labels(outcome)
        for reason in sorted(_REASONS):
            self._suppressed.labels(reason)
        for opener in sorted(_OPENERS):
            self._opened.labels(opener)
        for outcome in (SIGNED_IN, REFUSED):
            self._operators.labels(outcome)

    def on_event(self, event: events.Event) -> None:
        """Count the event."""
        if isinstance(event, events.RequestAnswered):
            self._count_answer(event)
        elif isinstance(event, events.RegistrationReceived):
            self._registrations.labels(_known(event.outcome, _REGISTRATIONS)).inc()
        elif isinstance(event, events.MessageEvent):
            self._count_message(event)
        elif isinstance(event, events.AddressSuppressed):
            self._suppressed.labels(_known(event.reason, _REASONS)).inc()
        elif isinstance(event, events.FeedbackReceived | events.FeedbackRefused):
            self._count_feedback(event)
        else:
            self._count_rare(event)

    def exposition(
        self,
        depths: Mapping[str, int],
        oldest_waiting_s: float,
        workers: int,
        *,
        usable: Mapping[str, bool] | None = None,
        room: int = 0,
        log_bytes: int = 0,
        held: bool = False,
    ) -> bytes:
        """Write all metrics in Prometheus' text format (CONTENT_TYPE).

        Args:
            depths: messages by state, as the database has them now.
            oldest_waiting_s: age of the oldest message that waits, 0 when none does.
            workers: how many live, as the database has them now.
            usable: each submission server this process submits to, and whether messages may go there.
            room: how many messages this process may begin beside those under way.
            log_bytes: the size of SQLite's log of writes.
            held: whether an operator holds the queue, as the database has it now.
        """
        with self._scraping:
            self._depth.clear()
            for state, count in depths.items():
                self._depth.labels(state).set(count)
            self._oldest.set(oldest_waiting_s)
            self._workers.set(workers)
            self._held.set(held)
            self._usable.clear()
            for server, may in (usable or {}).items():
                self._usable.labels(server).set(may)
            self._room.set(room)
            self._log_bytes.set(log_bytes)
            return generate_latest(self._registry)

    def _count_message(self, event: events.MessageEvent) -> None:
        if event.outcome is not None:
            self._attempts.labels(_known(event.outcome, _OUTCOMES)).inc()
        state = _STATES.get(type(event))
        if state is not None:
            self._settled.labels(state).inc()
        if isinstance(event, events.MessageAccepted):
            self._accepted.observe(max(event.since_enqueued_ms, 0) / 1000)

    def _count_rare(self, event: events.Event) -> None:
        if isinstance(event, events.BouncesUnusual):
            self._unusual.inc()
        elif isinstance(event, events.SignUpsUnusual):
            self._crowds.inc()
        elif isinstance(event, events.CredentialsRefused):
            self._credentials.inc()
        elif isinstance(event, events.LinkOpened):
            self._opened.labels(_known(event.opener, _OPENERS)).inc()
        elif isinstance(event, events.OperatorSignedIn):
            self._operators.labels(SIGNED_IN).inc()
        elif isinstance(event, events.OperatorSignInRefused):
            self._operators.labels(REFUSED).inc()

    def _count_feedback(self, event: events.FeedbackReceived | events.FeedbackRefused) -> None:
        kind, outcome = OTHER, REFUSED
        if isinstance(event, events.FeedbackReceived):
            kind, outcome = _known(event.kind, _KINDS), _known(event.outcome, _CAME_OF_FACTS)
        self._feedback.labels(_known(event.source, _SOURCES), kind, outcome).inc()

    def _count_answer(self, event: events.RequestAnswered) -> None:
        route = self._bounded(event.route)
        status = str(event.status) if 100 <= event.status <= 599 else OTHER
        self._requests.labels(_known(event.method, _METHODS), route, status).inc()
        self._durations.labels(route).observe(max(event.duration_ms, 0) / 1000)

    def _bounded(self, route: str) -> str:
        # Routes are templates, and few. Should a path ever come here in their place, it must not fill the memory.
        if route not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                return OTHER
            self._routes.add(route)
        return route


def _known(value: str, values: frozenset[str]) -> str:
    return value if value in values else OTHER
