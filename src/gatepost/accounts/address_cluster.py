"""Which addresses are one mailbox where somebody counts: what costs nothing to invent must not open a new allowance."""

_DOTS_DO_NOT_COUNT = frozenset({"gmail.com", "googlemail.com"})  # support.google.com/mail/answer/7436150


def address_cluster(address_key: str) -> str:
    """The one name of all addresses that only differ by what follows a "+", at Gmail also by dots.

    Only for limits: nobody is the same account, or gets another's mail, because of it.
    """
    local_part, _, domain = address_key.rpartition("@")
    name = local_part.partition("+")[0] or local_part
    if domain in _DOTS_DO_NOT_COUNT:
        name, domain = name.replace(".", ""), "gmail.com"
    return f"{name}@{domain}"
