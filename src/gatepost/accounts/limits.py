"""How much one client, one session and everybody together may ask for: GCRA, one upsert for each, in the database.

Whoever is told to wait is told so as a client or a session, never because of an address: a stranger who asks about an
address can neither learn from it whether there is an account nor shut its owner out.
"""

import math
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from gatepost.accounts.address_cluster import address_cluster
from gatepost.accounts.challenge import Asked, check_stranger
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.gcra import Allowance, forget, is_spent, limit_key, prune_limits, spend
from gatepost.errors import RateLimited
from gatepost.events import RequestLimited, SignUpsUnusual

__all__ = ["Act", "admit", "admit_session", "admit_sign_in", "forget_guesses", "prune_limits"]


class Act(StrEnum):
    """What somebody asks for; each has its own allowance."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    REQUEST_VERIFICATION = "request_verification"
    REQUEST_RESET = "request_reset"
    REDEEM = "redeem"  # any mailed token
    PROVE_PASSWORD = "prove_password"  # noqa: S105  # a name


# What one client may ask for: a household, an office and a school behind one address get along with it.
ALLOWANCES = {
    Act.REGISTER: Allowance(20, 60),
    Act.SIGN_IN: Allowance(30, 10),
    Act.REQUEST_VERIFICATION: Allowance(20, 60),
    Act.REQUEST_RESET: Allowance(20, 60),
    Act.REDEEM: Allowance(100, 1),
    Act.PROVE_PASSWORD: Allowance(10, 60),  # of one session
}
# Guesses at the password of one address, from wherever they come (NIST SP 800-63B-4, 3.2.2: at most 100).
GUESSES = Allowance(100, 15 * 60)
CHALLENGED = frozenset({Act.REGISTER, Act.SIGN_IN, Act.REQUEST_VERIFICATION, Act.REQUEST_RESET})

# Sign-ups of everybody are counted in several rows, one of them at random, so that they do not queue for one. Where
# few are unusual, in fewer: chance would else fill one of them.
ALARM_SHARDS = 16
_SIGN_UPS_A_SHARD = 50
ALARM_WINDOW_S = 3600
COST_IN_ALARM = 5
_ALARM_TOLD = Allowance(1, 60)


@dataclass(frozen=True)
class _Verdict:
    """What the rows say. `wait_ms`: 0 when the request passes."""

    wait_ms: int
    alarm: bool = False
    tell_alarm: bool = False
    guesses_left: bool = True


async def admit(gate: Gate, act: Act, client: Client | None, *, request_id: str, challenge: str | None = None) -> None:
    """Let one request of a client pass, or refuse it before it costs anything. None: a caller inside, never limited.

    Args:
        gate: the parts.
        act: what it asks for.
        client: who asks.
        request_id: for the logs.
        challenge: what came with the request for the product's own check, which is asked last, where there is one.

    Raises:
        RateLimited: the client has asked too often; it is told when the next request passes.
        ChallengeFailed: the product's own check said no.
        TryLater: nothing was done, or nobody knows; or the product's own check could not be asked.
    """
    await _admit(gate, act, client, None, request_id, challenge)


async def admit_sign_in(
    gate: Gate, address_key: str, client: Client | None, *, request_id: str, challenge: str | None = None
) -> bool:
    """Let one try to sign in pass, as `admit`, and count it for the address as well, known or not.

    Returns:
        Whether the address has guesses left. If not, the password counts only from where its owner signed in before
        (`known_clients`), and the answer to everybody else is the one to a wrong password.

    Raises:
        RateLimited, ChallengeFailed, TryLater: as `admit`.
    """
    return await _admit(gate, Act.SIGN_IN, client, address_key, request_id, challenge)


async def admit_session(gate: Gate, session_id: uuid.UUID, *, request_id: str) -> None:
    """Let one proof of the current password pass, counted for the session: whoever stole one cannot guess with it.

    Raises:
        RateLimited: too many proofs in this session.
        TryLater: nothing was done, or nobody knows.
    """
    if not gate.limited:
        return
    act, now_ms = Act.PROVE_PASSWORD, gate.clock.now_ms()
    key = limit_key(gate.keys, act, session_id.hex)
    wait_ms = await gate.database.write(lambda tx: spend(tx, key, ALLOWANCES[act], now_ms))
    _refuse(gate, act, "", request_id, wait_ms)


def forget_guesses(tx: Connection, gate: Gate, address_key: str) -> None:
    """Give an address all its guesses again: its owner proved to be there, by signing in or by a mailed link."""
    forget(tx, _guesses_key(gate, address_key))


async def _admit(
    gate: Gate, act: Act, client: Client | None, address_key: str | None, request_id: str, challenge: str | None
) -> bool:
    """As `admit`; returns whether the address, if one is counted, has guesses left."""
    if client is None:
        return True
    verdict = _Verdict(0)
    if gate.limited:
        now_ms = gate.clock.now_ms()
        verdict = await gate.database.write(lambda tx: _count(tx, gate, act, client, address_key, now_ms))
        if verdict.tell_alarm:
            gate.events.emit(SignUpsUnusual(per_hour=gate.sign_up_alarm_per_hour))
        _refuse(gate, act, client.network, request_id, verdict.wait_ms)
    if act in CHALLENGED:
        asked = Asked(act, challenge, client.network, verdict.alarm)
        await check_stranger(gate.challenge, asked, gate.events, request_id=request_id)
    return verdict.guesses_left


def _count(tx: Connection, gate: Gate, act: Act, client: Client, address_key: str | None, now_ms: int) -> _Verdict:
    """Count one request for all it counts for. What the client is refused costs nobody else anything."""
    shards = max(1, min(ALARM_SHARDS, gate.sign_up_alarm_per_hour // _SIGN_UPS_A_SHARD))
    shard = limit_key(gate.keys, "sign-ups", str(secrets.randbelow(shards)))
    usual = _usual(gate.sign_up_alarm_per_hour // shards)
    asks_alarm = act is Act.REGISTER or (gate.challenge is not None and act in CHALLENGED)
    alarm = asks_alarm and is_spent(tx, shard, usual, now_ms)
    tell = alarm and _tells(tx, limit_key(gate.keys, "alarm told", ""), now_ms)
    times = COST_IN_ALARM if alarm and act is Act.REGISTER else 1
    wait_ms = spend(tx, limit_key(gate.keys, act, client.prefix), ALLOWANCES[act], now_ms, times=times)
    if wait_ms:
        return _Verdict(wait_ms, alarm, tell)
    if act is Act.REGISTER:
        spend(tx, shard, usual, now_ms)
    left = address_key is None or not spend(tx, _guesses_key(gate, address_key), GUESSES, now_ms)
    return _Verdict(0, alarm, tell, left)


def _usual(an_hour: int) -> Allowance:
    return Allowance(an_hour, ALARM_WINDOW_S / an_hour)


def _tells(tx: Connection, key: bytes, now_ms: int) -> bool:
    # Looked at first: the upsert takes the row also where nothing is left, and all who register would queue for it.
    return not is_spent(tx, key, _ALARM_TOLD, now_ms) and not spend(tx, key, _ALARM_TOLD, now_ms)


def _guesses_key(gate: Gate, address_key: str) -> bytes:
    return limit_key(gate.keys, "guesses", address_cluster(address_key))


def _refuse(gate: Gate, act: Act, network: str, request_id: str, wait_ms: int) -> None:
    if not wait_ms:
        return
    wait_s = math.ceil(wait_ms / 1000)
    gate.events.emit(RequestLimited(request_id=request_id, act=act, network=network, retry_after_s=wait_s))
    raise RateLimited(wait_s)
