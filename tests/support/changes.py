"""A signed-in person as a test sees one: signs in, changes the account, and what that left in the database."""

from typing import Any

from sqlalchemy import event, select

from gatepost.accounts.account import Account
from gatepost.accounts.address_change import confirm_address, request_address_change, undo_address_change
from gatepost.accounts.client import Client
from gatepost.accounts.password_change import change_password
from gatepost.accounts.profile import change_profile
from gatepost.accounts.sessions import Current
from gatepost.accounts.sign_in import sign_in
from gatepost.database.columns import metadata
from gatepost.database.connection import Database, T, Work
from tests.support.flows import ADDRESS, PASSWORD, Flows

NEW_PASSWORD = "quite another good one"
NEW_ADDRESS = "mira@example.org"
AT_HOME = Client("203.0.113.7/32", "203.0.113.0/24", "Firefox")


class Changes:
    """The flows of a signed-in person with short calls."""

    def __init__(self, flows: Flows) -> None:
        self.flows = flows
        self.gate = flows.gate

    async def sign_in(self, email: str = ADDRESS, password: str = PASSWORD) -> Current:
        began = await sign_in(self.gate, email=email, password=password, request_id="request-6")
        return Current(began.account, began.session.id)

    async def registered(self, email: str = ADDRESS, password: str = PASSWORD) -> Current:
        """Register, verify, sign in."""
        await self.flows.registered_and_verified(email, password)
        return await self.sign_in(email, password)

    async def change_password(
        self, who: Current, password: str = NEW_PASSWORD, current_password: str = PASSWORD
    ) -> None:
        await change_password(
            self.gate,
            who,
            current_password=current_password,
            password=password,
            request_id="request-7",
            client=AT_HOME,
        )

    async def change_profile(self, who: Current, **changes: str | None) -> Account:
        return await change_profile(self.gate, who, changes=changes, request_id="request-8")

    async def request(self, who: Current, email: str = NEW_ADDRESS, current_password: str = PASSWORD) -> None:
        await request_address_change(
            self.gate,
            who,
            email=email,
            current_password=current_password,
            request_id="request-9",
            client=AT_HOME,
        )

    async def requested(self, who: Current, email: str = NEW_ADDRESS) -> tuple[str, str]:
        """Ask for another address and read both mails: the token that confirms, and the one that undoes."""
        await self.request(who, email)
        mailed = await self.flows.deliver()
        return mailed["address_change"], mailed["address_change_notice"]

    async def confirm(self, token: object) -> Account:
        return await confirm_address(self.gate, token=token, request_id="request-10")

    async def undo(self, token: object) -> Account:
        return await undo_address_change(self.gate, token=token, request_id="request-11")

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but what somebody may still ask for: that is counted whatever is refused."""

        def query(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
            tables = [table for table in metadata.sorted_tables if table.name != "limits"]
            return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables}

        return await self.gate.database.read(query)


class Watched:
    """A database that keeps which statements its works ran."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.statements: list[str] = []

    async def write(self, work: Work[T]) -> T:
        def watched(tx: Any) -> T:
            def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
                self.statements.append(statement)

            event.listen(tx, "before_cursor_execute", keep)
            try:
                return work(tx)
            finally:
                event.remove(tx, "before_cursor_execute", keep)

        return await self._database.write(watched)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)
