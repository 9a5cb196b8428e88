"""Faults of the name service: the mail server's name is unknown, cannot be looked up, or nobody answers."""

from functools import partial

from tests.faults.catalogue.smtp_tls import LOGIN, trusting
from tests.faults.entry import MOUNT, ROOT, fault
from tests.faults.mishaps import QUICK, Mishap
from tests.faults.rig import Rig
from tests.support.names import HOST, Manner, ask_only, name_server

NAME = "mail.fault.test"
MANNERS: tuple[Manner, ...] = ("nxdomain", "servfail", "silent")


@fault(57, name="DNS does not know or does not answer", shows="I5 I7 I10", seeded=True, needs=(ROOT, MOUNT))
def dns_does_not_answer(rig: Rig) -> None:
    """NXDOMAIN, SERVFAIL, silence: everybody is answered 202, no attempt is counted, and it recovers by itself."""
    resolv_conf = rig.folder / "resolv.conf"
    resolv_conf.write_text(f"nameserver {HOST}\noptions timeout:1 attempts:1\n")
    with trusting(rig) as authority, name_server() as names:
        mail = rig.mail_server(ssl_context=authority.serving(f"DNS:{NAME}"), credentials=LOGIN)
        url = f"smtp://{LOGIN[0]}:{LOGIN[1].replace(' ', '%20')}@{NAME}:{mail.port}"
        mishap = Mishap(rig, mail, start=False, SMTP_URL=url, SENDER="no-reply@gatepost.example", **QUICK)
        for program in mishap.system.programs:
            program.hook = partial(ask_only, resolv_conf)
        names.manner = rig.chance.choice(MANNERS)
        mishap.start()
        mishap.register()
        mishap.wait_for_log("server_failed")
        assert names.asked
        assert [] == mail.mail_commands
        names.manner = "answers"
        mishap.finish_uncounted()
