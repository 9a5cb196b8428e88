"""The account flows as callables: what the web may ask of `gatepost.accounts`, and nothing else."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gatepost.accounts.account import Account, AccountRow
from gatepost.accounts.address_change import confirm_address, request_address_change, undo_address_change
from gatepost.accounts.address_correction import correct_address
from gatepost.accounts.client import Client
from gatepost.accounts.deletion import delete_account
from gatepost.accounts.gate import Gate
from gatepost.accounts.operators import AccountAction, WrittenTo, act_on_account, find_account, sessions_of
from gatepost.accounts.other_sessions import end_other_sessions
from gatepost.accounts.password_change import change_password
from gatepost.accounts.password_reset import request_reset, reset_password
from gatepost.accounts.profile import change_profile
from gatepost.accounts.registration import register
from gatepost.accounts.reset_by_operator import start_reset
from gatepost.accounts.sessions import Current, Session, end_session, find_session, list_sessions, sign_out
from gatepost.accounts.sign_in import SignedIn, sign_in
from gatepost.accounts.verification import ChoosePassword, request_verification, verify
from gatepost.audit.trail import Signature


class Register(Protocol):
    """Raises InvalidInput, AddressTaken (only where accounts may be revealed), IdempotencyKeyReused or TryLater.

    And RateLimited and ChallengeFailed, as all that strangers may call.
    """

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
        client: Client | None = None,
        challenge: str | None = None,
    ) -> Account | None: ...


class Verify(Protocol):
    """Raises BadToken, InvalidInput, RateLimited or TryLater."""

    async def __call__(
        self, *, token: object, password: str | None, request_id: str, client: Client | None = None
    ) -> Account | ChoosePassword: ...


class RequestMail(Protocol):
    """Raises InvalidInput, RateLimited, ChallengeFailed or TryLater; says nothing of whether the address is known."""

    async def __call__(
        self, *, email: str, request_id: str, client: Client | None = None, challenge: str | None = None
    ) -> None: ...


class ResetPassword(Protocol):
    """Raises BadToken, InvalidInput, RateLimited or TryLater."""

    async def __call__(
        self, *, token: object, password: str, request_id: str, client: Client | None = None
    ) -> None: ...


class SignIn(Protocol):
    """Raises SignInFailed, InvalidInput, RateLimited, ChallengeFailed or TryLater."""

    async def __call__(
        self,
        *,
        email: str,
        password: str,
        request_id: str,
        client: Client | None = None,
        challenge: str | None = None,
        replaces: object = None,
    ) -> SignedIn: ...


class FindSession(Protocol):
    """Raises NotSignedIn or TryLater."""

    async def __call__(self, token: object) -> Current: ...


class SignOut(Protocol):
    """Raises TryLater."""

    async def __call__(self, token: object, *, request_id: str) -> None: ...


class ListSessions(Protocol):
    """Raises TryLater."""

    async def __call__(self, current: Current) -> list[Session]: ...


class EndSession(Protocol):
    """Raises NoSuchSession or TryLater."""

    async def __call__(self, current: Current, session_id: uuid.UUID, *, request_id: str) -> None: ...


class EndOtherSessions(Protocol):
    """Raises NotSignedIn or TryLater."""

    async def __call__(self, current: Current, *, request_id: str) -> None: ...


class ChangeProfile(Protocol):
    """Raises InvalidInput or TryLater."""

    async def __call__(self, current: Current, *, changes: Mapping[str, str | None], request_id: str) -> Account: ...


class ChangePassword(Protocol):
    """Raises WrongPassword, InvalidInput, RateLimited or TryLater."""

    async def __call__(
        self,
        current: Current,
        *,
        current_password: str,
        password: str,
        request_id: str,
        client: Client | None = None,
    ) -> None: ...


class RequestAddressChange(Protocol):
    """Raises WrongPassword, InvalidInput, RateLimited or TryLater."""

    async def __call__(
        self, current: Current, *, email: str, current_password: str, request_id: str, client: Client | None = None
    ) -> None: ...


class RedeemAddress(Protocol):
    """Raises BadToken, RateLimited or TryLater."""

    async def __call__(self, *, token: object, request_id: str, client: Client | None = None) -> Account: ...


class DeleteAccount(Protocol):
    """Raises WrongPassword, RateLimited or TryLater."""

    async def __call__(
        self, current: Current, *, current_password: str, request_id: str, client: Client | None = None
    ) -> None: ...


class ActOnAccount(Protocol):
    """Raises NoSuchAccount, NoSuchSession or TryLater."""

    async def __call__(
        self, action: AccountAction, account_id: uuid.UUID, by: Signature, *, session_id: uuid.UUID | None = None
    ) -> AccountRow: ...


class FindAccount(Protocol):
    """Raises InvalidInput or TryLater."""

    async def __call__(self, email: str) -> AccountRow | None: ...


class SessionsOf(Protocol):
    """Raises NoSuchAccount or TryLater."""

    async def __call__(self, account_id: uuid.UUID) -> list[Session]: ...


class CorrectAddress(Protocol):
    """Raises NoSuchAccount, InvalidInput, ActionRefused or TryLater."""

    async def __call__(self, account_id: uuid.UUID, email: str, by: Signature) -> WrittenTo: ...


class StartReset(Protocol):
    """Raises NoSuchAccount, ActionRefused or TryLater."""

    async def __call__(self, account_id: uuid.UUID, by: Signature) -> WrittenTo: ...


@dataclass(frozen=True, kw_only=True)
class AccountFlows:
    """The flows bound to one gate, so that routes and pages need to know neither the gate nor each other."""

    register: Register
    verify: Verify
    request_verification: RequestMail
    request_reset: RequestMail
    reset_password: ResetPassword
    sign_in: SignIn
    find_session: FindSession
    sign_out: SignOut
    list_sessions: ListSessions
    end_session: EndSession
    end_other_sessions: EndOtherSessions
    change_profile: ChangeProfile
    change_password: ChangePassword
    request_address_change: RequestAddressChange
    confirm_address: RedeemAddress
    undo_address_change: RedeemAddress
    delete_account: DeleteAccount
    act_on_account: ActOnAccount
    find_account: FindAccount
    sessions_of: SessionsOf
    correct_address: CorrectAddress
    start_reset: StartReset

    @classmethod
    def of(cls, gate: Gate) -> "AccountFlows":
        """Bind every flow to `gate`."""
        return cls(
            register=partial(register, gate),
            verify=partial(verify, gate),
            request_verification=partial(request_verification, gate),
            request_reset=partial(request_reset, gate),
            reset_password=partial(reset_password, gate),
            sign_in=partial(sign_in, gate),
            find_session=partial(find_session, gate),
            sign_out=partial(sign_out, gate),
            list_sessions=partial(list_sessions, gate),
            end_session=partial(end_session, gate),
            end_other_sessions=partial(end_other_sessions, gate),
            change_profile=partial(change_profile, gate),
            change_password=partial(change_password, gate),
            request_address_change=partial(request_address_change, gate),
            confirm_address=partial(confirm_address, gate),
            undo_address_change=partial(undo_address_change, gate),
            delete_account=partial(delete_account, gate),
            act_on_account=partial(act_on_account, gate),
            find_account=partial(find_account, gate),
            sessions_of=partial(sessions_of, gate),
            correct_address=partial(correct_address, gate),
            start_reset=partial(start_reset, gate),
        )
