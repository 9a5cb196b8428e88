"""Everything that matters about an account is told, each time with the id of the request that caused it."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient

from gatepost import events
from gatepost.accounts.challenge import Asked
from gatepost.events import Event
from gatepost.observe.log import LEVELS, Log, event_name, level_of
from tests.security.house import PASSWORD, House, as_admin

# What no request causes, or what belongs to no account.
NOT_BY_A_REQUEST = {"AccountsErased", "SignUpsUnusual"}
OF_ACCOUNTS = [
    kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and "class" not in name
    and list(vars(events)).index("RegistrationReceived") <= list(vars(events)).index(name)
    <= list(vars(events)).index("SignUpsUnusual")
]  # fmt: skip
NEW_PASSWORD = "turnstile quartz ladle"


class Heard(NamedTuple):
    """What one request caused."""

    status: int
    request_id: str
    events: list[Event]

    def of(self, kind: type[Event]) -> Any:
        """The one event of this kind."""
        (found,) = [one for one in self.events if type(one) is kind]
        return found


class Somebody:
    """A person at a house, whose every request is listened to."""

    def __init__(self, house: House, client: TestClient, *, signed_in: bool = True) -> None:
        self.house, self.client = house, client
        self.email = house.person(client)
        self.by = as_admin(house.session(client, self.email)) if signed_in else {}

    def ask(self, path: str, method: str = "POST", by: dict[str, str] | None = None, **body: Any) -> Heard:
        before = len(self.house.heard)
        fields = {**(self.by if by is None else by), "content-type": "application/json"}
        answer = self.client.request(method, path, content=json.dumps(body) if body else None, headers=fields)
        self.client.cookies.clear()
        return Heard(answer.status_code, answer.headers["x-request-id"], self.house.heard[before:])

    def token(self, subject: str) -> str:
        return self.house.token(subject, self.email)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A service with its limits, for all tests of this file."""
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[TestClient]:
    """A client of the running house."""
    with house.client() as running:
        yield running


@pytest.fixture
def somebody(house: House, client: TestClient) -> Somebody:
    """Comes later than whoever came before: the limits of clients are full again."""
    house.clock.move(3600)
    return Somebody(house, client)


def of_registration(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    heard = somebody.ask("/auth/register", email=f"x.{somebody.email}", password=PASSWORD)
    yield heard, events.RegistrationReceived
    yield somebody.ask("/auth/verify/request", email=f"x.{somebody.email}"), events.VerificationRequested
    token = somebody.house.token("erify", f"x.{somebody.email}")
    yield somebody.ask("/auth/verify", token=token), events.AddressVerified
    yield somebody.ask("/auth/verify", token=token), events.TokenRefused


def of_signing_in(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    yield somebody.ask("/auth/login", email=somebody.email, password=PASSWORD), events.SignedIn
    yield somebody.ask("/auth/login", email=somebody.email, password="wrong"), events.SignInRefused
    yield somebody.ask("/auth/login", email="nobody@example.com", password=PASSWORD), events.SignInRefused
    yield somebody.ask("/auth/logout"), events.SignedOut


def of_a_reset(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    heard = somebody.ask("/auth/password/reset/request", email=somebody.email)
    yield heard, events.PasswordResetRequested
    token = somebody.token("assword")
    heard = somebody.ask("/auth/password/reset", token=token, password=NEW_PASSWORD)
    yield heard, events.PasswordWasReset
    yield heard, events.SignedOut
    yield somebody.ask("/auth/password/reset", token=token, password=NEW_PASSWORD), events.TokenRefused


def of_a_change(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    yield somebody.ask("/auth/me", "PATCH", name="Ada"), events.ProfileChanged
    wrong = {"current_password": "wrong", "password": NEW_PASSWORD}
    yield somebody.ask("/auth/password/change", **wrong), events.CurrentPasswordRefused
    heard = somebody.ask("/auth/password/change", current_password=PASSWORD, password=NEW_PASSWORD)
    yield heard, events.PasswordChanged


def of_another_address(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    new = f"new.{somebody.email}"
    heard = somebody.ask("/auth/email/change", email=new, current_password=PASSWORD)
    yield heard, events.AddressChangeRequested
    undo = somebody.token("is being changed")
    heard = somebody.ask("/auth/email/confirm", token=somebody.house.token("new email address", new))
    yield heard, events.AddressChanged
    heard = somebody.ask("/auth/email/undo", token=undo)
    yield heard, events.AddressChangeUndone


def of_a_deletion(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    heard = somebody.ask("/auth/me/delete", current_password=PASSWORD)
    yield heard, events.AccountDeleted
    somebody.ask("/auth/password/reset/request", email=somebody.email)
    heard = somebody.ask("/auth/password/reset", token=somebody.token("new password"), password=NEW_PASSWORD)
    yield heard, events.AccountRestored


def of_an_operator(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    account_id = somebody.client.get("/auth/me", headers=somebody.by).json()["id"]
    for action in ("disable", "enable"):
        heard = somebody.ask(f"/accounts/{account_id}/{action}", by=as_admin(), reason="asked to")
        yield heard, events.AccountActedOn


def of_a_limit(somebody: Somebody) -> Iterator[tuple[Heard, type[Event]]]:
    asked = (somebody.ask("/auth/login", email="nobody@example.com", password="wrong") for _ in range(1000))
    yield next(heard for heard in asked if heard.status == 429), events.RequestLimited


FLOWS: list[Callable[[Somebody], Iterator[tuple[Heard, type[Event]]]]] = [
    of_registration,
    of_signing_in,
    of_a_reset,
    of_a_change,
    of_another_address,
    of_a_deletion,
    of_an_operator,
    of_a_limit,
]


@pytest.mark.parametrize("flow", FLOWS)
def test_s120_each_event_names_the_request_that_caused_it(
    somebody: Somebody, flow: Callable[[Somebody], Iterator[tuple[Heard, type[Event]]]]
) -> None:
    """Success and failure alike: the id in the event is the one in the answer, so both can be found by it."""
    for heard, kind in flow(somebody):
        assert heard.request_id == heard.of(kind).request_id, kind
        assert heard.request_id == heard.of(events.RequestAnswered).request_id


def test_s120_a_refused_challenge_names_its_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The product's own check of strangers said no."""

    async def never(asked: Asked) -> bool:
        return False

    house = House(tmp_path_factory.mktemp("challenge"))
    object.__setattr__(house.gatepost.gate, "challenge", never)
    with house.client() as client:
        answer = client.post("/auth/register", json={"email": "ada@example.com", "password": PASSWORD})
    assert 403 == answer.status_code
    (told,) = house.of(events.ChallengeRefused)
    assert answer.headers["x-request-id"] == told.request_id


def test_s120_every_event_of_accounts_has_a_place_for_the_request() -> None:
    """A new event without one fails this; those that no request causes say so above."""
    assert len(OF_ACCOUNTS) > 15
    without = {kind.__name__ for kind in OF_ACCOUNTS if "request_id" not in _fields(kind)}
    assert NOT_BY_A_REQUEST == without
    assert {} == {kind.__name__: level_of(kind) for kind in OF_ACCOUNTS if level_of(kind) == "debug"}


@pytest.mark.parametrize("kind", [one for one in OF_ACCOUNTS if one.__name__ not in NOT_BY_A_REQUEST])
def test_s120_the_log_writes_it_with_its_request(kind: type[Event], capfd: pytest.CaptureFixture[str]) -> None:
    """At the level a service writes unless told otherwise: the id stands in the line."""
    values = {one.name: "1f0e" if one.name == "request_id" else ("x",) if "tuple" in str(one.type) else 1
              for one in dataclasses.fields(kind)}  # fmt: skip
    log = Log(pretty=False)
    log.on_event(kind(**values))
    log.close()
    line = json.loads(capfd.readouterr().err)
    assert (event_name(kind), "1f0e") == (line["event"], line["request_id"])


def test_s120_refusals_are_louder_than_successes() -> None:
    """Whoever watches for warnings sees wrong tokens, wrong passwords and limits."""
    loud = {kind for kind, level in LEVELS.items() if level in ("warning", "error")}
    refusals = {events.TokenRefused, events.SignInRefused, events.CurrentPasswordRefused, events.RequestLimited}
    assert refusals <= loud
    assert set() == loud & {events.SignedIn, events.AddressVerified, events.PasswordWasReset}


def _fields(kind: type[Event]) -> set[str]:
    return {one.name for one in dataclasses.fields(kind)}
