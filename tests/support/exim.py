"""Exim as Debian builds it, set up to deliver whatever it accepts into one maildir. It needs no root.

It refuses the local part `refused` for good and `later` for now. What is for the local part `away` goes on to another
server of the test, and what that one refuses comes back to the return path.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.support.debian import libraries
from tests.support.mail_server import Certificate, Home, MailServer, debian_software, new_home, running

USERNAME = "gatepost"
PASSWORD = "hunter2, with a space"

_USER = "Debian-exim"  # compiled in: it does not start where this user is unknown

_CONFIGURATION = """
primary_hostname = exim.gatepost.example
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
log_selector = +pipelining +smtp_connection
pid_file_path = {home}/exim.pid
exim_path = {home}/exim4
keep_environment = LD_LIBRARY_PATH:LD_PRELOAD:NSS_WRAPPER_PASSWD:NSS_WRAPPER_GROUP
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
disable_ipv6
host_lookup =
helo_lookup_domains =
deliver_drop_privilege
never_users =
smtp_accept_max = 50
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = {most}
smtputf8_advertise_hosts = *
auth_advertise_hosts = *
{tls}
acl_smtp_rcpt = not_all

begin acl
not_all:
  deny local_parts = refused
  defer local_parts = later
  accept

begin routers
{away}
everybody:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  return_path_add
  envelope_to_add
  directory = {home}/mailbox
  user = {uid}
  group = {gid}

next:
  driver = smtp
  port = {next_port}
  allow_localhost

begin authenticators
plain:
  driver = plaintext
  server_set_id = $auth2
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{username}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
login:
  driver = plaintext
  server_set_id = $auth1
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{username}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
"""

_AWAY = """
away:
  driver = manualroute
  local_parts = away
  transport = next
  route_list = * 127.0.0.1
  self = send
"""

_TLS = """
tls_advertise_hosts = *
tls_certificate = {files.chain}
tls_privatekey = {files.key}
"""


@contextlib.contextmanager
def exim(
    certificate: Certificate | None = None, *, messages_per_connection: int = 1_000, next_port: int | None = None
) -> Iterator[MailServer]:
    """A running Exim; the test is skipped where Debian's packages are not to be had.

    Args:
        certificate: for STARTTLS, which is not offered without one.
        messages_per_connection: it answers 421 to the MAIL that would be one more.
        next_port: on loopback, of the server that takes what is for `away`.
    """
    root = debian_software("Exim", "exim4-daemon-light", "libnss-wrapper")
    with new_home("gatepost-exim-") as home:
        spool, log = home.make("spool"), home.make("log")
        home.make("mailbox")
        software = _copy(root, home.folder)
        environ = {
            "LD_LIBRARY_PATH": libraries(software),
            "LD_PRELOAD": str(next(software.glob("**/libnss_wrapper.so"))),
            **_known_user(home),
        }
        configuration = home.folder / "exim.conf"
        configuration.write_text(_configuration(home, certificate, messages_per_connection, next_port))
        server = MailServer("Exim", home, [spool / "input"], log / "mainlog")
        command: list[str | Path] = [home.folder / "exim4", "-C", configuration, "-bdf"]
        with running(server, home, command, environ, as_owner=True):
            yield server


def _configuration(
    home: Home, certificate: Certificate | None, messages_per_connection: int, next_port: int | None
) -> str:
    tls = "tls_advertise_hosts =" if certificate is None else _TLS.format(files=certificate.copied_to(home))
    return _CONFIGURATION.format(
        home=home.folder,
        port=home.port,
        uid=home.uid,
        gid=home.gid,
        tls=tls,
        most=messages_per_connection,
        username=USERNAME,
        password=PASSWORD,
        away="" if next_port is None else _AWAY,
        next_port=next_port or 0,
    )


def _copy(root: Path, folder: Path) -> Path:
    """Copied, because `nobody` may not reach the checkout."""
    software = folder / "software"
    shutil.copytree(root / "usr" / "lib", software, symlinks=True)
    shutil.copyfile(root / "usr" / "sbin" / "exim4", folder / "exim4")
    (folder / "exim4").chmod(0o755)
    return software


def _known_user(home: Home) -> dict[str, str]:
    """Let nss_wrapper tell Exim that the user it was built for exists and is the one it runs as."""
    passwd, group = home.folder / "passwd", home.folder / "group"
    passwd.write_text(f"{_USER}:x:{home.uid}:{home.gid}::{home.folder}:/bin/false\nroot:x:0:0::/root:/bin/sh\n")
    group.write_text(f"{_USER}:x:{home.gid}:\nroot:x:0:\n")
    return {"NSS_WRAPPER_PASSWD": os.fspath(passwd), "NSS_WRAPPER_GROUP": os.fspath(group)}
