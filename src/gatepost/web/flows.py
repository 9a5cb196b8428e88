"""The account flows as callables: what the web may ask of `gatepost.accounts`, and nothing else."""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate
from gatepost.accounts.password_reset import request_reset, reset_password
from gatepost.accounts.registration import register
from gatepost.accounts.verification import ChoosePassword, request_verification, verify


class Register(Protocol):
    """Raises InvalidInput, AddressTaken (only where accounts may be revealed), IdempotencyKeyReused or TryLater."""

    async def __call__(
        self,
        *,
        email: str,
        password: str,
        name: str | None,
        locale: str | None,
        request_id: str,
        preferred_locale: str | None = None,
        idempotency_key: str | None = None,
    ) -> Account | None: ...


class Verify(Protocol):
    """Raises BadToken, InvalidInput or TryLater."""

    async def __call__(self, *, token: object, password: str | None, request_id: str) -> Account | ChoosePassword: ...


class RequestMail(Protocol):
    """Raises InvalidInput or TryLater; says nothing about whether the address is known."""

    async def __call__(self, *, email: str, request_id: str) -> None: ...


class ResetPassword(Protocol):
    """Raises BadToken, InvalidInput or TryLater."""

    async def __call__(self, *, token: object, password: str, request_id: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class AccountFlows:
    """The flows bound to one gate, so that routes and pages need to know neither the gate nor each other."""

    register: Register
    verify: Verify
    request_verification: RequestMail
    request_reset: RequestMail
    reset_password: ResetPassword

    @classmethod
    def of(cls, gate: Gate) -> "AccountFlows":
        """Bind every flow to `gate`."""
        return cls(
            register=partial(register, gate),
            verify=partial(verify, gate),
            request_verification=partial(request_verification, gate),
            request_reset=partial(request_reset, gate),
            reset_password=partial(reset_password, gate),
        )
