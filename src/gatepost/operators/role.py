"""What an operator may do. Each role may all that the ones before it may."""

from enum import StrEnum


class Role(StrEnum):
    """One role, the least first.

    Attributes:
        SUPPORT: sees messages without what they said, accounts and figures; has messages sent again, corrects an
            address, starts a reset, lets mail through again.
        OPERATOR: also reads what a message said, stops messages and addresses, disables accounts, reads the audit log.
        OWNER: also says who the operators are.
    """

    SUPPORT = "support"
    OPERATOR = "operator"
    OWNER = "owner"

    def may(self, least: "Role") -> bool:
        """Whether this role is `least` or one that may more."""
        return _ORDER[self] >= _ORDER[least]


_ORDER = {role: rank for rank, role in enumerate(Role)}
