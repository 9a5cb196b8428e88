"""Mailed tokens for any purpose, without the flow that would mail them."""

import uuid

from sqlalchemy import Connection

from gatepost.accounts import tokens
from gatepost.accounts.gate import Gate
from gatepost.accounts.tokens import Purpose


async def mint(gate: Gate, purpose: Purpose, account_id: uuid.UUID, address_key: str) -> str:
    """Issue a token and begin its life, as if its mail went out now."""

    def work(tx: Connection) -> str:
        now_ms = gate.clock.now_ms()
        issued = tokens.issue(tx, gate.keys, purpose, account_id=account_id, address_key=address_key, now_ms=now_ms)
        return tokens.renew(tx, gate.keys, purpose, [issued], now_ms)[issued]

    return await gate.database.write(work)


async def void(gate: Gate, purpose: Purpose, account_id: uuid.UUID) -> None:
    """Make every open token of this kind useless."""
    now_ms = gate.clock.now_ms()
    await gate.database.write(lambda tx: tokens.void(tx, account_id, purpose, now_ms))


async def proved(gate: Gate, purpose: Purpose, token: str) -> tokens.Live:
    """What the token is good for now; raises BadToken."""
    now_ms = gate.clock.now_ms()
    return await gate.database.read(
        lambda connection: tokens.prove(connection, gate.keys, purpose, tokens.parse(token), now_ms)
    )
