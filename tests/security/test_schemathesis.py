"""Requests generated from our own OpenAPI document: examples, coverage, fuzzing and sequences, with every check."""

from pathlib import Path

import pytest

from tests.security.fuzzing import Report, fuzz
from tests.security.house import House
from tests.security.routes import OPERATOR, PUBLIC, SESSION

# schemathesis draws from `random` in a strategy of its own; from the seed all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
EXAMPLES = 45  # of each operation, beside examples, coverage and sequences
ENOUGH_CASES = 2_000
CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "positive_data_acceptance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
    "object_level_authorization",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A service nobody else uses, without rate limits: they would answer most of it with 429."""
    return House(tmp_path_factory.mktemp("fuzz"), rate_limits=False)


@pytest.fixture(scope="module")
def report(house: House) -> Report:
    """What came of one run."""
    return fuzz(house, examples=EXAMPLES)


def test_s101_nothing_that_is_generated_breaks_the_contract(report):
    """No 5xx, no status, type, field or header beside the document, no credential ignored, nothing used when gone."""
    assert [] == report.failures


def test_s101_enough_was_generated(report):
    """At least 2,000 requests, to every route of the document, each of which took some of them, and every check ran."""
    assert report.cases >= ENOUGH_CASES, report.cases
    labels = {f"{method} {path}" for method, path in PUBLIC | SESSION | OPERATOR}
    assert set() == labels - set(report.statuses)
    assert CHECKS == set(report.checks)
    refused_only = {label for label, seen in report.statuses.items() if not any(status < 300 for status in seen)}
    # What wants a token from a mail, the present password, a person's own id or an account that nobody verified takes
    # more than a guess.
    assert refused_only <= GUESSES_ARE_REFUSED


def test_s101_no_bug_answered(house, report):
    """Beside the answers: not one RequestFailed was told in the whole run."""
    assert report.cases > 0
    assert [] == [failure.traceback for failure in house.failures()]


GUESSES_ARE_REFUSED = {
    "POST /auth/login",
    "POST /auth/verify",
    "POST /auth/password/reset",
    "POST /auth/password/change",
    "POST /auth/email/change",
    "POST /auth/email/confirm",
    "POST /auth/email/undo",
    "POST /auth/me/delete",
    "DELETE /auth/sessions/{id}",
    "POST /feedback/{provider}",
    "POST /mail/messages/{id}/hold",
    "POST /mail/messages/{id}/release",
    "POST /mail/messages/{id}/cancel",
    "POST /mail/messages/{id}/resend",
    "POST /accounts/{id}/correct-address",
}


def test_s101_a_broken_promise_is_found(tmp_path: Path):
    """The run can fail: a bug and an answer that the document does not know are both reported."""
    house = House(tmp_path, rate_limits=False)

    @house.app.get("/broken", response_model=dict[str, int], tags=["accounts"])
    async def get_broken(number: int = 0) -> dict[str, int]:
        if number == 0:
            raise ZeroDivisionError
        return {"number": number}

    found = fuzz(house, examples=1, only="/broken")
    assert {"not_a_server_error", "status_code_conformance"} <= {
        failure.partition(":")[0] for failure in found.failures
    }
