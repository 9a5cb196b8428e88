"""How the development mail server behaves: as told on its page, so that a developer sees what the product does then."""

from enum import StrEnum


class Behaviour(StrEnum):
    """What it does with a message. Each is what a real server does, and ends in the reply of one."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # 550 5.1.1 to RCPT
    LATER = "later"  # 451 4.7.1 to RCPT
    SLOW = "slow"  # RCPT is answered late, and then all is well
    AWAY = "away"  # nobody takes the connection
    BREAK_OFF = "break_off"  # takes the content, and the line breaks where the reply was due


class Switch:
    """What was chosen; every message reads it when its try begins. Each process begins with ACCEPT.

    Attributes:
        behaviour: from the next try on.
    """

    def __init__(self) -> None:
        self.behaviour = Behaviour.ACCEPT
