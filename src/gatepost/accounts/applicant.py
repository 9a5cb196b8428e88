"""What a registration asks for, checked field by field before anything is written."""

import re
from dataclasses import dataclass

from gatepost.accounts.account import DEFAULT_LOCALE
from gatepost.accounts.password_policy import PasswordPolicy
from gatepost.errors import N_, FieldError, InvalidInput
from gatepost.mail.address import Address, parse_address
from gatepost.mail.names import MAX_NAME_CHARACTERS, clean_name

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")  # RFC 5646, the part of it that names languages


@dataclass(frozen=True)
class Applicant:
    """Who wants an account: everything about the registration but its password."""

    address: Address
    name: str | None
    locale: str


def check(email: str, password: str, name: str | None, locale: str | None, *, policy: PasswordPolicy) -> Applicant:
    """Make an applicant of what was typed.

    Raises:
        InvalidInput: with every wrong field.
    """
    wrong: list[FieldError] = []
    address, cleaned, language = None, None, DEFAULT_LOCALE
    try:
        address = parse_address(email)
    except InvalidInput as error:
        wrong.extend(error.errors)
    if (problem := policy.problem(password, (email, name))) is not None:
        wrong.append(problem)
    try:
        cleaned = check_name(name)
    except InvalidInput as error:
        wrong.extend(error.errors)
    try:
        language = check_locale(locale)
    except InvalidInput as error:
        wrong.extend(error.errors)
    if wrong or address is None:
        raise InvalidInput(wrong)
    return Applicant(address, cleaned, language)


def check_name(name: str | None) -> str | None:
    """Make a typed name safe to print; None when nothing is left of it.

    Raises:
        InvalidInput: longer than 80 code points.
    """
    if name is not None and len(name) > MAX_NAME_CHARACTERS:
        values = {"limit": MAX_NAME_CHARACTERS}
        raise InvalidInput([FieldError("name", "too_long", N_("Use at most %(limit)s characters."), values)])
    return clean_name(name) or None if name is not None else None


def check_locale(locale: str | None) -> str:
    """Take a language tag, or the default for None.

    Raises:
        InvalidInput: it is none.
    """
    if locale is not None and not _LOCALE.fullmatch(locale):
        text = N_('Use a language tag such as "en" or "zh-CN".')
        raise InvalidInput([FieldError("locale", "invalid_locale", text)])
    return locale or DEFAULT_LOCALE
