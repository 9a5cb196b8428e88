"""What a new password must not be: too short, too long, common, made of what everybody knows, or easy to guess."""

import importlib
import importlib.util
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from gatepost.accounts import common_passwords
from gatepost.accounts.passwords import password_problem
from gatepost.accounts.personal_words import is_made_of, personal_words
from gatepost.errors import N_, FieldError, SettingsError

_ESTIMATOR = "zxcvbn_rs_py"
_MOST_ESTIMATED = 100  # characters; zxcvbn's work grows faster than its input


@dataclass(frozen=True)
class PasswordPolicy:
    """The rules for new passwords; no rule asks for capitals, digits or signs (NIST SP 800-63B-4, 3.1.1.2).

    Args:
        min_length: in code points.
        product_name: no part of a password either.
        min_score: the least score of zxcvbn, 0 for no estimate.

    Raises:
        SettingsError: there is a least score, and zxcvbn is not installed.
    """

    min_length: int
    product_name: str
    min_score: int = 0

    def __post_init__(self) -> None:
        if self.min_score > 0 and importlib.util.find_spec(_ESTIMATOR) is None:
            raise SettingsError(
                f"GATEPOST_PASSWORD_MIN_SCORE is {self.min_score}, and zxcvbn is not installed here: "
                'pip install "gatepost[zxcvbn]", or set it to 0.'
            )
        common_passwords.load()  # now, not in the first registration

    def problem(self, password: str, context: Collection[str | None] = ()) -> FieldError | None:
        """Say what is wrong with a new password, or None.

        It is judged as it is hashed: in NFC, and in no other way changed. Only its greatest length counts as typed: as
        long as that it may be typed again.

        Args:
            password: as typed.
            context: what is known about the account: its address and its name.
        """
        if (problem := password_problem(password, 0)) is not None:
            return problem
        text = unicodedata.normalize("NFC", password)
        if (problem := password_problem(text, self.min_length)) is not None:
            return problem
        if common_passwords.is_common(text):
            why = N_(
                "This password is one of the first that attackers try. Use a few words that do not belong together."
            )
            return FieldError("password", "too_common", why)
        words = personal_words((self.product_name, *context))
        if is_made_of(text, words):
            why = N_("This password is made of your name, your address or the name of this service. Use other words.")
            return FieldError("password", "too_personal", why)
        if self.min_score > 0 and _score(text, words) < self.min_score:
            why = N_("This password can be guessed. Make it longer, with words that do not belong together.")
            return FieldError("password", "too_guessable", why)
        return None


def _score(password: str, words: list[str]) -> int:
    return int(_estimator(_ESTIMATOR).zxcvbn(password[:_MOST_ESTIMATED], words).score)


@cache
def _estimator(module: str) -> Any:
    return importlib.import_module(module)
