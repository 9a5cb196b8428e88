"""schemathesis against the whole service: thousands of requests from our own OpenAPI document, every answer checked.

`python -m tests.security 10000` makes more of them than the suite has time for.
"""

from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events as engine_events
from schemathesis.engine import from_schema
from schemathesis.python import asgi

from tests.security.house import ADMIN, House
from tests.security.routes import OPERATOR, SESSION

SEED = 20261123

# Which texts are an address, which passwords are good enough and which Idempotency-Key is new is more than a schema can
# say (422, 409); every JSON value is taken for a token, and every bad one is 400.
_JUDGED_BY_CONTENT = ["2xx", "400", "401", "403", "404", "409", "422"]
# What is switched off, and why. Everything else that schemathesis can check is on, for every operation.
CONFIGURATION: dict[str, Any] = {
    # It would read every literal of every module we import, for ten seconds, and find few that a request could hold.
    "analysis": {"constants": {"enabled": False}},
    # Beside the usual ones: 413, which a text of thousands of characters ends in.
    "checks": {
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "413", "415", "422"]}
    },
    "operations": [
        {
            "include-tag": "accounts",
            "checks": {"positive_data_acceptance": {"expected-statuses": _JUDGED_BY_CONTENT}},
        },
        {
            "include-name": "POST /mail/suppressions",
            "checks": {"positive_data_acceptance": {"expected-statuses": _JUDGED_BY_CONTENT}},
        },
    ],
}


@dataclass
class Report:
    """What came of a run."""

    cases: int = 0
    requests: int = 0
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def take(self, event: engine_events.ScenarioFinished) -> None:
        """Count one scenario."""
        recorder = event.recorder
        self.cases += len(recorder.cases)
        self.requests += len(recorder.interactions)
        for case_id, interaction in recorder.interactions.items():
            case = recorder.cases.get(case_id)
            if case is not None and interaction.response is not None:
                seen = self.statuses.setdefault(case.value.operation.label, {})
                seen[interaction.response.status_code] = seen.get(interaction.response.status_code, 0) + 1
        for case_id, nodes in recorder.checks.items():
            for node in nodes:
                self.checks[node.name] = self.checks.get(node.name, 0) + 1
                if node.failure_info is not None:
                    self.failures.append(_shown(node, recorder, case_id))


def _shown(node: Any, recorder: Any, case_id: str) -> str:
    failure = node.failure_info.failure
    interaction = recorder.interactions.get(failure.case_id or case_id)
    answer = interaction.response if interaction else None
    body = "" if answer is None else f"{answer.status_code} {bytes(answer.content)[:300]!r}"
    return f"{node.name}: {failure.operation}: {failure.message}\n  {node.failure_info.code_sample[:600]}\n  {body}"


def fuzz(house: House, *, examples: int, seed: int = SEED, only: str | None = None) -> Report:
    """Run every phase of schemathesis against a house: examples, coverage, fuzzing and sequences of requests.

    Args:
        house: a service that nobody else uses; it is started here.
        examples: how many cases fuzzing makes for each operation.
        seed: the same one makes the same cases.
        only: the path of the one operation to try; all when None.
    """
    generation = {"deterministic": seed == SEED, "no-shrink": True, "max-examples": examples}
    config = SchemathesisConfig.from_dict({**CONFIGURATION, "seed": seed, "generation": generation})
    document = house.app.openapi()
    paths = {path: methods for path, methods in document["paths"].items() if only in (None, path)}
    schema = schemathesis.openapi.from_dict({**document, "paths": paths}, config=config)
    schema.app = house.app
    schema.config.update(base_url=house.settings.public_url)
    _give_credentials(schema, house)
    report = Report()
    try:
        for event in from_schema(schema).execute():
            if isinstance(event, engine_events.ScenarioFinished):
                report.take(event)
            elif isinstance(event, engine_events.NonFatalError):
                report.failures.append(f"{event.label}: {event.value}")
            elif isinstance(event, engine_events.FatalError):
                raise event.exception
    finally:
        asgi.shutdown_lifespans()
    return report


def _give_credentials(schema: Any, house: House) -> None:
    """The admin token for operators' routes; everywhere else the token of a session that lives."""
    visitor = _Visitor(house)

    class Bearer:
        def get(self, case: Any, context: Any) -> str | None:
            endpoint = (case.operation.method.upper(), case.operation.path)
            if endpoint in OPERATOR:
                return ADMIN
            return visitor.token() if endpoint in SESSION or endpoint == ("POST", "/auth/logout") else None

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

    schema.auth(refresh_interval=None)(Bearer)


class _Visitor:
    """Somebody with a verified address who is signed in; somebody else whenever a case ended the session."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._client = asgi.ASGIClient(house.app, base_url=house.settings.public_url)
        self._token: str | None = None

    def token(self) -> str:
        with self._client as client:
            mine = {"Authorization": f"Bearer {self._token}"}
            if self._token is None or client.get("/auth/me", headers=mine).status_code != 200:
                # A new person each time: a case of an operator's may have disabled the one before.
                self._token = self._house.session(client)
        return self._token
