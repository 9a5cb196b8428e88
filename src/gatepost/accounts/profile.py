"""What an account says of its owner: name and language."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select, update

from gatepost.accounts.account import COLUMNS, Account, AccountRow, as_account, public, take_by_id
from gatepost.accounts.applicant import check_locale, check_name
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Current
from gatepost.accounts.tables import accounts, sessions
from gatepost.errors import N_, FieldError, InvalidInput, NotSignedIn
from gatepost.events import ProfileChanged

_SESSION = select(sessions.c.id).where(
    sessions.c.id == bindparam("of_session"), sessions.c.account_id == bindparam("of_account")
)


async def change_profile(
    gate: Gate, current: Current, *, changes: Mapping[str, str | None], request_id: str
) -> Account:
    """Change what is in `changes`, which may hold "name" and "locale", and leave the rest.

    A name of None is taken away. Nothing is written where nothing differs.

    Raises:
        InvalidInput: with every wrong field.
        NotSignedIn: the session ended meanwhile.
        TryLater: nothing was done, or nobody knows.
    """
    wanted = _checked(changes)

    def work(tx: Connection) -> tuple[AccountRow, tuple[str, ...]]:
        account = take_signed_in(tx, current)
        differing = {name: value for name, value in wanted.items() if getattr(account, name) != value}
        if not differing:
            return account, ()
        query = update(accounts).where(accounts.c.id == account.id).values(differing).returning(*COLUMNS)
        return as_account(tx.execute(query).mappings().one()), tuple(sorted(differing))

    account, fields = await gate.database.write(work)
    if fields:
        gate.events.emit(ProfileChanged(request_id=request_id, account_id=str(account.id), fields=fields))
    return public(account)


def take_signed_in(tx: Connection, current: Current) -> AccountRow:
    """The account of whoever is signed in; nobody else changes it until this transaction ends.

    Raises:
        NotSignedIn: the session ended since it was found: whoever ended it meant this as well.
    """
    account = take_by_id(tx, current.account.id)
    found = tx.scalar(_SESSION, {"of_session": current.session_id, "of_account": current.account.id})
    if account is None or found is None:
        raise NotSignedIn("the session ended meanwhile")
    return account


def _checked(changes: Mapping[str, str | None]) -> dict[str, str | None]:
    """The changes as they are stored; other members say nothing."""
    wanted: dict[str, str | None] = {}
    wrong: list[FieldError] = []
    for field, check in (("name", check_name), ("locale", _check_own_locale)):
        if field not in changes:
            continue
        try:
            wanted[field] = check(changes[field])
        except InvalidInput as error:
            wrong.extend(error.errors)
    if wrong:
        raise InvalidInput(wrong)
    return wanted


def _check_own_locale(locale: str | None) -> str:
    if locale is None:  # a registration takes the default then; an account has a language already
        raise InvalidInput([FieldError("locale", "required", N_("Is required."))])
    return check_locale(locale)
