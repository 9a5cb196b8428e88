"""Where people with an address at one of the large providers read their mail. It needs nothing but what was typed."""

from typing import NamedTuple


class Webmail(NamedTuple):
    """A provider's page, and what people call it."""

    name: str
    address: str


_GMAIL = Webmail("Gmail", "https://mail.google.com/")
_OUTLOOK = Webmail("Outlook", "https://outlook.live.com/mail/")
_YAHOO = Webmail("Yahoo", "https://mail.yahoo.com/")
_ICLOUD = Webmail("iCloud", "https://www.icloud.com/mail/")
_PROTON = Webmail("Proton", "https://mail.proton.me/")
_QQ = Webmail("QQ", "https://mail.qq.com/")
_BY_DOMAIN = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GMAIL),
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com"), _OUTLOOK),
    **dict.fromkeys(("yahoo.com", "ymail.com"), _YAHOO),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _ICLOUD),
    **dict.fromkeys(("proton.me", "protonmail.com", "pm.me"), _PROTON),
    **dict.fromkeys(("qq.com", "foxmail.com"), _QQ),
    "163.com": Webmail("163", "https://mail.163.com/"),
    "126.com": Webmail("126", "https://mail.126.com/"),
}


def webmail_of(email: str) -> Webmail | None:
    """Where an address as typed is read; None where nobody but its owner knows."""
    return _BY_DOMAIN.get(email.strip().rpartition("@")[2].lower())
