"""Members that nobody may bring: who says of themselves that they are verified, an operator or somebody else."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.security.house import PASSWORD, House, as_admin, send_form
from tests.security.routes import OPERATOR, PUBLIC, SESSION, address_of

WITH_BODY = sorted(
    one for one in PUBLIC | SESSION | OPERATOR if one[0] in ("POST", "PATCH") and one[1] != "/auth/logout"
)
REST = {"password": PASSWORD, "current_password": PASSWORD}
PRIVILEGES = {
    "is_verified": True,
    "verified_at": 1,
    "is_admin": True,
    "is_superuser": True,
    "admin": True,
    "role": "admin",
    "roles": ["admin"],
    "id": "00000000-0000-7000-8000-000000000000",
    "account_id": "00000000-0000-7000-8000-000000000000",
    "created_at": "1970-01-01T00:00:00.000Z",
    "disabled_at": None,
    "deleted_at": None,
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
    "address_key": "eve@example.com",
    "registrations": 0,
    "purpose": "password_reset",
    "expires_at": "2999-01-01T00:00:00.000Z",
    "__proto__": {"is_admin": True},
    "constructor": {"prototype": {"is_admin": True}},
}


def accounts(house: House) -> list[dict[str, Any]]:
    """Every account as the database holds it."""
    with closing(sqlite3.connect(f"file:{house.folder}/gatepost.db?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM accounts ORDER BY id")]


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=" ".join)
def test_s99_no_route_takes_a_member_that_is_not_its_own(house, client, endpoint):
    """Whoever writes is_verified, role, id or a hash beside the real members changes none of them."""
    email = house.person(client)
    headers = as_admin() if endpoint in OPERATOR else as_admin(house.session(client, email))
    before = {row["id"]: row for row in accounts(house)}
    body = PRIVILEGES | REST | {"email": email, "token": "t"}
    client.request(endpoint[0], address_of(endpoint[1]), json=body, headers=headers)
    # What the flow itself may write: that the address was registered again, and the deletion that was asked for.
    written = {"registrations": 0} | ({"deleted_at": 0} if endpoint[1] == "/auth/me/delete" else {})
    for row in accounts(house):
        was = before.get(row["id"], row)
        mine = was["email"] == email
        assert was | written == row | written if mine else was == row


def test_s99_a_registration_brings_nothing_but_its_own_members(house, client):
    """A new account is unverified, enabled and has an id of ours, whatever came with it, in JSON and in the form."""
    body = PRIVILEGES | {"email": "eve1@example.com", "password": PASSWORD}
    assert 202 == client.post("/auth/register", json=body).status_code
    form = {name: str(value) for name, value in PRIVILEGES.items()} | {
        "email": "eve2@example.com",
        "password": PASSWORD,
    }
    assert 200 == send_form(client, "/register", **form).status_code
    made = [row for row in accounts(house) if row["email"].startswith("eve")]
    assert 2 == len(made)
    for row in made:
        assert (None, None, None, 1) == (
            row["verified_at"],
            row["disabled_at"],
            row["deleted_at"],
            row["registrations"],
        )
        assert row["password_hash"] is None
        assert row["created_at"] > 1_700_000_000_000


def test_s99_a_profile_takes_only_name_and_locale(house, client):
    """PATCH with an address, a password and every privilege changes the name and nothing else."""
    email = house.person(client)
    headers = as_admin(house.session(client, email))
    before = client.get("/auth/me", headers=headers).json()
    body = PRIVILEGES | REST | {"email": "eve@example.com", "name": "Ada"}
    after = client.patch("/auth/me", json=body, headers=headers)
    assert (200, before | {"name": "Ada"}) == (after.status_code, after.json())
    assert before | {"name": "Ada"} == client.get("/auth/me", headers=headers).json()
