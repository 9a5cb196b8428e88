"""What a new password must not be: too short, too long, on the list of common ones, or made of what everybody knows."""

from collections.abc import Collection
from dataclasses import dataclass

from gatepost.accounts.passwords import password_problem
from gatepost.errors import FieldError


@dataclass(frozen=True)
class PasswordPolicy:
    """The rules for new passwords.

    Args:
        min_length: in code points.
        product_name: no part of a password either.
        min_score: the least score of zxcvbn, 0 for no estimate.
    """

    min_length: int
    product_name: str
    min_score: int = 0

    def problem(self, password: str, context: Collection[str | None] = ()) -> FieldError | None:
        """Say what is wrong with a new password, or None.

        Args:
            password: as typed.
            context: what is known about the account: its address and its name.
        """
        return password_problem(password, self.min_length)
