"""What the switch of the development mail server offers, in words: each says what Gatepost does then."""

from dataclasses import dataclass

from gatepost.errors import N_
from gatepost.transport.switch import Behaviour


@dataclass(frozen=True)
class Choice:
    """One behaviour; the texts are to be translated.

    Args:
        behaviour: which.
        name: on the switch.
        follows: what the product does then, in one sentence.
        banner: what is said while it is chosen; empty for the usual one.
    """

    behaviour: Behaviour
    name: str
    follows: str
    banner: str = ""


CHOICES = (
    Choice(Behaviour.ACCEPT, N_("Accepts"), N_("Every message arrives at once.")),
    Choice(
        Behaviour.REFUSE,
        N_("Refuses"),
        N_("Says 550 5.1.1, no such mailbox: the message fails and is not tried again."),
        N_("The development mail server refuses every message."),
    ),
    Choice(
        Behaviour.LATER,
        N_("Says later"),
        N_("Says 451 4.7.1: the message is tried again after 5 seconds, 30 seconds, 2 minutes and so on."),
        N_("The development mail server says “later” to every message."),
    ),
    Choice(
        Behaviour.SLOW,
        N_("Is slow"),
        N_("Answers after 10 seconds. Nobody who signs up waits for it; later messages to the same domain may."),
        N_("The development mail server takes 10 seconds for every message."),
    ),
    Choice(
        Behaviour.AWAY,
        N_("Cannot be reached"),
        N_("Nothing is tried and no try counts. Every 3 seconds Gatepost looks whether it is back; then all goes out."),
        N_("The development mail server cannot be reached."),
    ),
    Choice(
        Behaviour.BREAK_OFF,
        N_("Breaks off"),
        N_(
            "Takes the message, and the line breaks before it says so. A copy follows after 30 seconds and after 10"
            " minutes; a welcome is never sent twice."
        ),
        N_("The development mail server takes every message and breaks off before it says so."),
    ),
)
