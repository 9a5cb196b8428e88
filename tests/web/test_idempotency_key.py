"""The header field Idempotency-Key of a registration."""

from pathlib import Path

import pytest

from gatepost.errors import IdempotencyKeyReused
from tests.web.site import ADA, Site
from tests.web.test_whole import PASSWORD, Service

GOOD = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
UUID = "7d1f3c52-5c3f-4c5e-9c43-6a2f0a3f8a55"


@pytest.mark.parametrize("key", [None, "1", UUID, f'"{UUID}"', "a,b;c=d", "~" * 255])
def test_the_key_reaches_the_flow_as_it_was_sent(key):
    """Quotes are part of it, and a request may come without one."""
    site = Site()
    answer = site.client().post("/auth/register", json=GOOD, headers={"Idempotency-Key": key} if key else {})
    assert (answer.status_code, [key]) == (202, [asked["idempotency_key"] for asked in site.register.asked])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([b""], "wrong_length"),
        ([b"x" * 256], "wrong_length"),
        ([b"two words"], "invalid"),
        ([b"tab\there"], "invalid"),
        ([b"\x7f"], "invalid"),
        ([b"caf\xe9"], "invalid"),
        ([UUID.encode(), UUID.encode()], "repeated"),
        ([b"one", b"two"], "repeated"),
    ],
)
def test_another_value_is_refused_by_its_name(sent, code):
    """422 names the header field, and the flow is not asked: a key nobody understands must not be ignored."""
    site = Site()
    fields = [(b"Idempotency-Key", value) for value in sent]
    answer = site.client().post("/auth/register", json=GOOD, headers=fields)
    assert (answer.status_code, answer.json()["code"], site.register.asked) == (422, "invalid_input", [])
    assert [("Idempotency-Key", code)] == [(one["field"], one["code"]) for one in answer.json()["errors"]]


def test_a_key_that_came_with_another_body_is_409():
    """A problem of its own, not to be confused with a taken address."""
    site = Site()
    site.register.answer = IdempotencyKeyReused()
    answer = site.client().post("/auth/register", json=GOOD, headers={"Idempotency-Key": UUID})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("reveal", [False, True])
def test_the_key_is_described(reveal):
    """OpenAPI has the header field with its bounds, optional, and the 409, alone or beside the taken address."""
    described = Site({"reveal_accounts": reveal}).host().openapi()["paths"]["/auth/register"]["post"]
    (parameter,) = [one for one in described["parameters"] if one["in"] == "header"]
    assert ("Idempotency-Key", False) == (parameter["name"], parameter["required"])
    text = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    assert text in parameter["schema"]["anyOf"]
    named = described["responses"]["409"]["description"]
    assert ("idempotency_key_reused" in named, "address_taken" in named) == (True, reveal)


@pytest.mark.parametrize("reveals_now", [False, True])
def test_the_first_answer_outlives_a_change_of_the_setting(reveals_now):
    """What the flow returns decides between 201 and 202, whatever the setting says by now."""
    site = Site({"reveal_accounts": reveals_now})
    site.register.answer = None if reveals_now else ADA
    answer = site.client().post("/auth/register", json=GOOD, headers={"Idempotency-Key": UUID})
    other = Site({"reveal_accounts": not reveals_now})
    other.register.answer = site.register.answer
    first = other.client().post("/auth/register", json=GOOD)
    assert (first.status_code, first.content) == (answer.status_code, answer.content)
    assert first.headers["content-type"] == answer.headers["content-type"]
    assert answer.status_code == (202 if reveals_now else 201)


@pytest.mark.parametrize("reveal", [False, True])
def test_a_repeat_is_answered_byte_for_byte(tmp_path: Path, reveal: bool):
    """After the address was verified, and after a restart of the service: the same answer as the first time."""
    folder, key = tmp_path, {"Idempotency-Key": UUID}
    service = Service(folder, reveal_accounts=reveal)
    with service.client() as client:
        first = client.post("/auth/register", json=GOOD, headers=key)
        verified = client.post("/auth/verify", json={"token": service.token("Verify", "ada@example.com")})
        second = client.post("/auth/register", json=GOOD, headers=key)
    with Service(folder, reveal_accounts=reveal).client() as client:
        third = client.post("/auth/register", json=GOOD, headers=key)
        other = client.post("/auth/register", json={**GOOD, "name": "Eve"}, headers=key)
    assert (first.status_code, verified.status_code) == (201 if reveal else 202, 200)
    assert verified.json()["verified_at"] is not None
    assert [(first.status_code, first.content)] * 2 == [(one.status_code, one.content) for one in (second, third)]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
