"""The account flows as a test calls them, and what they left in the database."""

import uuid
from typing import Any

from sqlalchemy import select, update

from gatepost.accounts.account import Account
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.messages import Links
from gatepost.accounts.password_reset import request_reset, reset_password
from gatepost.accounts.registration import register
from gatepost.accounts.sessions import Current, find_session, sign_out
from gatepost.accounts.sign_in import SignedIn, sign_in
from gatepost.accounts.tables import accounts, candidates, idempotency_keys, sessions, tokens
from gatepost.accounts.verification import ChoosePassword, request_verification, verify
from gatepost.outbox.claim import Claimed, claim
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from tests.support.issued_secrets import ISSUED

PASSWORD = "correct horse battery"
ADDRESS = "mira@example.com"


class Flows:
    """Registers, verifies and resets with short calls; `deliver` plays a worker whose server accepts everything."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.links = Links(
            gate.keys,
            verify_url="http://gatepost.test/verify",
            reset_url="http://gatepost.test/reset",
            confirm_url="http://gatepost.test/email/confirm",
            undo_url="http://gatepost.test/email/undo",
        )

    async def register(
        self,
        email: str = ADDRESS,
        password: str = PASSWORD,
        name: str | None = "Mira",
        locale: str | None = None,
        key: str | None = None,
        preferred: str | None = None,
        client: Client | None = None,
        challenge: str | None = None,
    ) -> Account | None:
        ISSUED.note("password", password)
        return await register(
            self.gate,
            email=email,
            password=password,
            name=name,
            locale=locale,
            request_id="request-1",
            preferred_locale=preferred,
            idempotency_key=key,
            client=client,
            challenge=challenge,
        )

    async def verify(
        self, token: object, password: str | None = None, *, client: Client | None = None
    ) -> Account | ChoosePassword:
        ISSUED.note("password", password)
        return await verify(self.gate, token=token, password=password, request_id="request-2", client=client)

    async def request_verification(self, email: str = ADDRESS, *, client: Client | None = None) -> None:
        await request_verification(self.gate, email=email, request_id="request-3", client=client)

    async def request_reset(self, email: str = ADDRESS, *, client: Client | None = None) -> None:
        await request_reset(self.gate, email=email, request_id="request-4", client=client)

    async def reset(
        self, token: object, password: str = "another good password", *, client: Client | None = None
    ) -> None:
        ISSUED.note("password", password)
        await reset_password(self.gate, token=token, password=password, request_id="request-5", client=client)

    async def sign_in(
        self,
        email: str = ADDRESS,
        password: str = PASSWORD,
        *,
        client: Client | None = None,
        replaces: object = None,
    ) -> SignedIn:
        ISSUED.note("password", password)
        entered = await sign_in(
            self.gate, email=email, password=password, request_id="request-6", client=client, replaces=replaces
        )
        ISSUED.note("session token", entered.token)
        return entered

    async def find(self, token: object) -> Current:
        return await find_session(self.gate, token)

    async def sign_out(self, token: object) -> None:
        await sign_out(self.gate, token, request_id="request-7")

    async def sessions(self) -> list[dict[str, Any]]:
        return await self.rows(sessions)

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        """Every row of a table, oldest first."""

        def query(connection: Any) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(select(table).order_by(table.c.created_at)).mappings()]

        return await self.gate.database.read(query)

    async def outbox(self) -> list[tuple[str, str, str | None]]:
        """Every message as (template, state, reason), oldest first, those of one moment in the order of their ids."""
        rows = sorted(await self.rows(messages), key=lambda row: row["id"])
        return sorted((row["template"], row["state"], row["reason"]) for row in rows)

    async def accounts(self) -> list[dict[str, Any]]:
        return await self.rows(accounts)

    async def candidates(self) -> list[dict[str, Any]]:
        return await self.rows(candidates)

    async def tokens(self) -> list[dict[str, Any]]:
        return await self.rows(tokens)

    async def idempotency_keys(self) -> list[dict[str, Any]]:
        return await self.rows(idempotency_keys)

    async def claim(self) -> list[tuple[Claimed, dict[str, str] | None]]:
        """Claim everything that is due, with the values prepared for it (None: it was cancelled instead)."""
        now_ms = self.gate.clock.now_ms()

        def work(tx: Any) -> list[tuple[Claimed, dict[str, str] | None]]:
            found: list[tuple[Claimed, dict[str, str] | None]] = []
            for one in claim(tx, owner="test", limit=1000, now_ms=now_ms):
                (values,) = self.links.prepare(tx, [one], now_ms)
                found.append((one, dict(values) if isinstance(values, dict) else None))
            return found

        return await self.gate.database.write(work)

    async def deliver(self) -> dict[str, str]:
        """Let a server accept everything that is due; returns template → mailed token of the newest one."""
        return {claimed.template: token for claimed, token in await self.deliver_each() if token is not None}

    async def deliver_each(self) -> list[tuple[Claimed, str | None]]:
        """Let a server accept everything that is due; returns each message with its mailed token."""
        now_ms = self.gate.clock.now_ms()
        delivered: list[tuple[Claimed, str | None]] = []
        for claimed, values in await self.claim():
            if values is None:
                continue

            def work(tx: Any, claimed: Claimed = claimed) -> None:
                assert mark_committing(tx, claimed)
                tried = Try(outcome="accepted", started_at=now_ms)
                assert settle(tx, claimed, Verdict(state=State.ACCEPTED), tried, now_ms)

            await self.gate.database.write(work)
            delivered.append((claimed, values["link"].partition("token=")[2] if "link" in values else None))
        return delivered

    async def registered_and_verified(self, email: str = ADDRESS, password: str = PASSWORD) -> uuid.UUID:
        """Register, receive the mail, press the button; returns the account's id."""
        await self.register(email, password)
        account = await self.verify((await self.deliver())["verification"])
        assert isinstance(account, Account)
        return account.id

    async def change_address(self, address_key: str) -> None:
        """Give the only account another address behind the flows' back."""
        await self.gate.database.write(lambda tx: tx.execute(update(accounts).values(address_key=address_key)).rowcount)
