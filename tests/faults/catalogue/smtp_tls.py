"""Faults of TLS on the way to the mail server: nothing is told to a server that did not prove who it is."""

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator

from gatepost.testing import Extra, Hang, Step, SubmissionServer
from tests.faults.entry import Need, fault
from tests.faults.mishaps import QUICK, Mishap
from tests.faults.rig import Rig
from tests.support.certificates import Authority, make_authority, self_signed

LOGIN = ("ann", "a password nobody else may see")
SHORT = {**QUICK, "ATTEMPT_TIMEOUT_S": 1}


def own_address() -> str | None:
    """An address of this machine that is not loopback: there smtp:// demands STARTTLS."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line, contextlib.suppress(OSError):
        line.connect(("192.0.2.1", 9))  # asks for the way there, and sends nothing
        address = str(line.getsockname()[0])
        return None if address.startswith("127.") else address
    return None


OWN_ADDRESS = Need("an address besides loopback", lambda: own_address() is not None)


@fault(58, name="STARTTLS is stripped", shows="I7 I8", needs=(OWN_ADDRESS,))
def starttls_is_stripped(rig: Rig) -> None:
    """Without STARTTLS there is no login and no message in the clear; with it again, everything goes out."""
    with trusting(rig) as authority:
        mail, mishap = _by_starttls(rig, authority)
        mail.tls = None
        mishap.start()
        mishap.register()
        mishap.wait_for_log("server_failed")
        _nothing_was_said(mail)
        mail.tls = "starttls"
        mishap.finish_uncounted()


@fault(59, name="certificates nobody should trust", shows="I7 I8", seeded=True)
def certificates_nobody_should_trust(rig: Rig) -> None:
    """Expired, for another host, or signed by nobody: no login, no message; the right one, and everything goes out."""
    with trusting(rig) as authority:
        right = authority.serving("IP:127.0.0.1")
        wrong: ssl.SSLContext = rig.chance.choice(
            (
                authority.serving("IP:127.0.0.1", expired=True),
                authority.serving("DNS:elsewhere.example"),
                self_signed(rig.folder, "IP:127.0.0.1"),
            )
        )
        mail = rig.mail_server(ssl_context=wrong, tls="implicit", credentials=LOGIN)
        mishap = Mishap(rig, mail, SMTP_URL=_url("smtps", "127.0.0.1", mail), **SHORT)
        mishap.register()
        mishap.wait_for_log("server_failed")
        _nothing_was_said(mail)
        assert mail.failed_handshakes
        mail.ssl_context = right
        mishap.finish_uncounted()


@fault(60, name="the handshake stalls", shows="I5 I7")
def the_handshake_stalls(rig: Rig) -> None:
    """It ends at the attempt's deadline, uncounted; once it goes through, everything goes out."""
    with trusting(rig) as authority:
        mail = rig.mail_server(ssl_context=authority.serving("IP:127.0.0.1"), tls="implicit", credentials=LOGIN)
        mishap = Mishap(rig, mail, SMTP_URL=_url("smtps", "127.0.0.1", mail), **SHORT)
        mail.at(Step.HANDSHAKE, Hang())
        mishap.register()
        mishap.wait_for_log("server_failed")
        _nothing_was_said(mail)
        mail.clear()
        mishap.finish_uncounted()


@fault(61, name="bytes injected before the handshake", shows="I3 I8", needs=(OWN_ADDRESS,))
def bytes_injected_before_the_handshake(rig: Rig) -> None:
    """What came in the clear behind the reply to STARTTLS is believed by nobody (CVE-2011-0411)."""
    with trusting(rig) as authority:
        mail, mishap = _by_starttls(rig, authority)
        mail.at(Step.STARTTLS, Extra(b"250-injected\r\n250 AUTH PLAIN\r\n235 2.7.0 Welcome\r\n"))
        mishap.start()
        mishap.register()
        mishap.wait_for_log("server_failed")
        _nothing_was_said(mail)
        mail.clear()
        mishap.finish_uncounted()


def _by_starttls(rig: Rig, authority: Authority) -> tuple[SubmissionServer, Mishap]:
    host = own_address()
    assert host is not None
    mail = rig.mail_server(host=host, ssl_context=authority.serving(f"IP:{host}"), credentials=LOGIN)
    return mail, Mishap(rig, mail, start=False, SMTP_URL=_url("smtp", host, mail), SENDER="no-reply@gatepost.example")


def _url(scheme: str, host: str, mail: SubmissionServer) -> str:
    return f"{scheme}://{LOGIN[0]}:{LOGIN[1].replace(' ', '%20')}@{host}:{mail.port}"


def _nothing_was_said(mail: SubmissionServer) -> None:
    assert (0, [], []) == (mail.auth_commands, mail.mail_commands, mail.messages)


@contextlib.contextmanager
def trusting(rig: Rig) -> Iterator[Authority]:
    """Programs started within trust one authority and nobody else."""
    folder = rig.folder / "authority"
    folder.mkdir()
    authority = make_authority(folder)
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(folder / "authority.pem")
    try:
        yield authority
    finally:
        os.environ.pop("SSL_CERT_FILE")
        if before is not None:
            os.environ["SSL_CERT_FILE"] = before
