"""Changes who operates, with what role and password. Each change stands in the audit log, in its transaction."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.audit.trail import Signature, record
from gatepost.clock import Clock
from gatepost.database.columns import new_row_id
from gatepost.database.connection import Work
from gatepost.errors import LastOwner, NoSuchOperator, OperatorNameTaken
from gatepost.events import Events, OperatorChanged
from gatepost.operators.operator import COLUMNS, Operator, as_operator, clean_name
from gatepost.operators.role import Role
from gatepost.operators.tables import operator_sessions, operators

T = TypeVar("T")

# All that could be the last one, always in the same order: of two owners who disable each other one comes second.
_TAKE_OWNERS = (
    select(operators.c.id)
    .where(operators.c.role == str(Role.OWNER), operators.c.disabled_at.is_(None))
    .order_by(operators.c.id)
    .with_for_update()
)
_TAKE = select(*COLUMNS).where(operators.c.name == bindparam("of_name")).with_for_update()
_END_ALL = delete(operator_sessions).where(operator_sessions.c.operator_id == bindparam("of_operator"))
_END_OTHERS = _END_ALL.where(operator_sessions.c.id != bindparam("spared"))


class Write(Protocol):
    """Runs a work in one durable transaction."""

    async def __call__(self, work: Work[T], /) -> T: ...


class Crew:
    """The operators, for whoever may change who they are.

    Each change raises NoSuchOperator where there is none of the name, and TryLater where nothing was done or nobody
    knows. Doing one twice does no harm.

    Args:
        write: runs a work in one durable transaction.
        clock: what time it is.
        events: told of what was done.
        keeps_an_owner: whether what would leave no owner who may sign in is refused (LastOwner).
    """

    def __init__(self, write: Write, clock: Clock, events: Events, *, keeps_an_owner: bool = True) -> None:
        self._write = write
        self._clock = clock
        self._events = events
        self._keeps_an_owner = keeps_an_owner

    async def add(self, name: str, role: Role, password_hash: str, by: Signature) -> Operator:
        """Add an operator who may sign in from now on.

        Args:
            name: see `clean_name`.
            role: what they may do.
            password_hash: as `Passwords.hash` makes it: no order and no socket carries the password.
            by: who adds them, and why.

        Raises:
            InvalidInput: it is no name.
            OperatorNameTaken: there is one of this name.
        """
        now_ms = self._clock.now_ms()
        operator = Operator(new_row_id(), clean_name(name), role, now_ms, None)

        def work(tx: Connection) -> None:
            row = {**vars(operator), "role": str(role), "password_hash": password_hash}
            try:
                with tx.begin_nested():
                    tx.execute(insert(operators), row)
            except IntegrityError:
                raise OperatorNameTaken(f"there is an operator of the name {operator.name} already") from None
            record(tx, operator.id, by.deed("operator_add", now_ms, after=str(role)))

        await self._write(work)
        self._tell("add", operator, by)
        return operator

    async def set_role(self, name: str, role: Role, by: Signature) -> Operator:
        """Give an operator another role, which counts from the next request on.

        Raises:
            LastOwner: no owner would be left.
        """

        def change(tx: Connection, before: Operator) -> Operator:
            self._refuse_if_last(tx, before, stays=role is Role.OWNER)
            return _set(tx, replace(before, role=role), role=str(role))

        return await self._change("role", name, by, change, of=lambda one: str(one.role))

    async def set_password(self, name: str, password_hash: str, by: Signature) -> Operator:
        """Give an operator another password; every session of theirs ends."""

        def change(tx: Connection, before: Operator) -> Operator:
            end_sessions(tx, before.id)
            return _set(tx, before, password_hash=password_hash)

        return await self._change("password", name, by, change)

    async def disable(self, name: str, by: Signature) -> Operator:
        """Let an operator in no more; every session of theirs ends.

        Raises:
            LastOwner: no owner would be left.
        """
        now_ms = self._clock.now_ms()

        def change(tx: Connection, before: Operator) -> Operator:
            self._refuse_if_last(tx, before, stays=False)
            end_sessions(tx, before.id)
            since = before.disabled_at or now_ms
            return _set(tx, replace(before, disabled_at=since), disabled_at=since)

        return await self._change("disable", name, by, change, of=_state)

    async def enable(self, name: str, by: Signature) -> Operator:
        """Let an operator sign in again."""

        def change(tx: Connection, before: Operator) -> Operator:
            return _set(tx, replace(before, disabled_at=None), disabled_at=None)

        return await self._change("enable", name, by, change, of=_state)

    async def end_sessions(self, name: str, by: Signature) -> Operator:
        """End every session of an operator."""

        def change(tx: Connection, before: Operator) -> Operator:
            end_sessions(tx, before.id)
            return before

        return await self._change("end_sessions", name, by, change)

    async def _change(
        self,
        action: str,
        name: str,
        by: Signature,
        change: Callable[[Connection, Operator], Operator],
        *,
        of: Callable[[Operator], str | None] | None = None,
    ) -> Operator:
        """Take the row, change it and write down who did it. `of` says what of the operator the deed shows."""
        now_ms = self._clock.now_ms()

        def work(tx: Connection) -> Operator:
            tx.execute(_TAKE_OWNERS).all()
            row = tx.execute(_TAKE, {"of_name": name}).mappings().one_or_none()
            if row is None:
                raise NoSuchOperator("there is no operator of this name")
            before = as_operator(row)
            after = change(tx, before)
            shown = of or _nothing
            record(tx, before.id, by.deed(f"operator_{action}", now_ms, before=shown(before), after=shown(after)))
            return after

        operator = await self._write(work)
        self._tell(action, operator, by)
        return operator

    def _refuse_if_last(self, tx: Connection, operator: Operator, *, stays: bool) -> None:
        if self._keeps_an_owner and not stays and [operator.id] == list(tx.scalars(_TAKE_OWNERS)):
            raise LastOwner(f"{operator.name} is the last owner who may sign in")

    def _tell(self, action: str, operator: Operator, by: Signature) -> None:
        told = OperatorChanged(
            actor=by.actor,
            action=action,
            operator=operator.name,
            role=str(operator.role),
            request_id=by.request_id,
        )
        self._events.emit(told)


def end_sessions(tx: Connection, operator_id: uuid.UUID, *, spare: uuid.UUID | None = None) -> int:
    """End every session of an operator but the one that is spared; returns how many."""
    if spare is None:
        return tx.execute(_END_ALL, {"of_operator": operator_id}).rowcount
    return tx.execute(_END_OTHERS, {"of_operator": operator_id, "spared": spare}).rowcount


def _set(tx: Connection, after: Operator, **values: Any) -> Operator:
    tx.execute(update(operators).where(operators.c.id == after.id).values(**values))
    return after


def _state(operator: Operator) -> str:
    return "active" if operator.disabled_at is None else "disabled"


def _nothing(operator: Operator) -> None:
    """What a deed shows where nothing of the operator changed that may be shown."""
