"""Faults of the processes themselves: killed, frozen, starved."""

import contextlib
from collections.abc import Callable

from gatepost.testing import Behaviour, Call, Drop, SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, fault
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System

PEOPLE = 6
REASONS: dict[int, str] = dict.fromkeys([1, 6, 7, *range(12, 21), 25], "not injected yet")
Killing = Callable[[Callable[[], None], SubmissionServer], list[Behaviour]]


@fault(3, name="killed just after 250", shows="I1 I3", databases=BOTH, seeded=True, ci=BOTH)
def killed_just_after_250(rig: Rig) -> None:
    """The mail server writes its 250 and kills in its next turn: one copy more at most, and of no welcome."""
    _killed_in_the_dialogue(rig, Step.TAKEN, lambda kill, mail: [Call(lambda: mail.on_own_loop(kill))], copies_max=1)


@fault(4, name="killed after the final dot", shows="I1 I3", databases=BOTH, seeded=True, ci=BOTH)
def killed_after_the_final_dot(rig: Rig) -> None:
    """The content is whole, and is taken or not: a verification arrives in either case, a welcome never twice."""
    taken = rig.chance.random() < 0.5
    _killed_in_the_dialogue(rig, Step.DOT, lambda kill, _: [Call(kill), *([] if taken else [Drop()])], copies_max=1)


@fault(5, name="killed at RCPT", shows="I1 I3", databases=BOTH, seeded=True, ci=BOTH)
def killed_at_rcpt(rig: Rig) -> None:
    """The content was not offered yet: it goes out, and certainly once."""
    _killed_in_the_dialogue(rig, Step.RCPT, lambda kill, _: [Call(kill)], copies_max=0)


def _killed_in_the_dialogue(rig: Rig, step: Step, killing: Killing, *, copies_max: int) -> None:
    mail = rig.mail_server()
    system: System = rig.system(mail, slots=1)  # one in flight: no other message can have a copy
    rig.start(system)
    people = [f"{number}@people.example" for number in range(PEOPLE)]
    victim = rig.chance.choice(people)
    for behaviour in killing(lambda: system.kill_who_delivers_to(victim), mail):
        mail.at(step, behaviour, recipient=victim, times=1)

    promised = []
    for address in people:
        with contextlib.suppress(OSError):  # the process that answers may be the one that is killed
            assert 202 == register(system.fronts[0], address)
            promised.append(address)
    wait_until(lambda: not system.alive, "nobody was killed")
    system.revive()

    rig.finish(system, promised, mail)
    assert rig.figures["copies"] in range(copies_max + 1)
