"""Mailed tokens over HTTP: every bad one gets the same answer, to the byte."""

import base64
import secrets
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from gatepost.accounts.tables import tokens
from gatepost.accounts.tokens import LIFE_S, Purpose
from tests.security.house import House
from tests.security.person import ROUTES, Person, bad, redeem, shape

NO_TOKENS: dict[str, Any] = {
    "blank": "",
    "null": None,
    "whitespace": " \t",
    "an array": ["a"],
    "an array of one good shape": ["A" * 64],
    "an object": {"token": "A" * 64},
    "a number": 7,
    "a fraction": 1.5,
    "true": True,
    "too short": "A" * 63,
    "too long": "A" * 65,
    "not ASCII": "é" * 64,
    "half a character": "\ud800" * 64,
    "a NUL": "\0" * 64,
    "of the right shape": base64.urlsafe_b64encode(bytes(48)).decode(),
    "in the other alphabet": "+/" * 32,
    "a JWT": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "SQL": "' OR 1=1 --" + "x" * 53,
    "very long": "A" * 60_000,
}
PURPOSES = pytest.mark.parametrize("purpose", Purpose)


@PURPOSES
def test_s29_a_token_for_something_else_is_garbage(person: Person, client: TestClient, purpose: Purpose) -> None:
    """On each of the other three routes a good token gets the answer garbage gets, and stays good."""
    token = person.mint(purpose)
    for other in set(Purpose) - {purpose}:
        assert bad(client, other) == shape(redeem(client, other, token))
    row = person.token_row(token)
    assert (None, None) == (row["used_at"], row["voided_at"])


@PURPOSES
@pytest.mark.parametrize("what", NO_TOKENS)
def test_s33_whatever_is_no_token_gets_one_answer(client: TestClient, purpose: Purpose, what: str) -> None:
    """Status, header fields and every byte but the request id, on every route that takes a token."""
    assert bad(client, purpose) == shape(redeem(client, purpose, NO_TOKENS[what]))


@PURPOSES
def test_s33_a_missing_token_gets_the_same_answer(client: TestClient, purpose: Purpose) -> None:
    """Leaving the member out is no better."""
    assert bad(client, purpose) == shape(client.post(ROUTES[purpose], json={"password": "another quartz ladle"}))


@PURPOSES
def test_s33_a_token_that_is_good_no_more_gets_the_same_answer(
    house: House, person: Person, client: TestClient, purpose: Purpose
) -> None:
    """Expired, used, voided, forged, and the halves of two accounts' tokens."""
    good = person.mint(purpose)
    raw = base64.urlsafe_b64decode(good)
    theirs = base64.urlsafe_b64decode(Person(house, client).mint(purpose))
    for forged in (raw[:16] + theirs[16:], theirs[:16] + raw[16:], raw[:16] + secrets.token_bytes(32)):
        assert bad(client, purpose) == shape(redeem(client, purpose, base64.urlsafe_b64encode(forged).decode()))
    house.clock.move(LIFE_S[purpose] + 1)
    assert bad(client, purpose) == shape(redeem(client, purpose, good))
    used = person.mint(purpose)
    mark = update(tokens).where(tokens.c.id == base64.urlsafe_b64decode(used)[:16])
    person.ask(person.gate.database.write, lambda tx: tx.execute(mark.values(used_at=1)).rowcount)
    assert bad(client, purpose) == shape(redeem(client, purpose, used))
    voided = person.mint(purpose)
    person.void(purpose)
    assert bad(client, purpose) == shape(redeem(client, purpose, voided))
