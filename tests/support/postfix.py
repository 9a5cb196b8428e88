"""Postfix as Debian builds it, set up to deliver whatever it accepts into one maildir. It needs root.

It refuses the local part `refused` for good and `later` for now. What is for `away@example.com` goes on to a server
of the test, and what that one refuses comes back to the return path.
"""

import contextlib
import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from tests.support.debian import libraries
from tests.support.mail_server import Certificate, Home, MailServer, debian_software, new_home, not_to_be_had, running

# Postfix wants a user and a group that nothing else of it uses; these are on every Debian and own nothing.
_OWNER = "uucp"
_SUBMITTERS = "games"

_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/spool
data_directory = {home}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {home}/configuration
mail_owner = {owner}
setgid_group = {submitters}
import_environment = MAIL_CONFIG={home}/configuration LD_LIBRARY_PATH={libraries}
maillog_file = {home}/log
maillog_file_prefixes = {home}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.gatepost.example
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{{{refused@ = REJECT}} {{later@ = DEFER}}}}, permit
smtpd_peername_lookup = no
fast_flush_domains =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:mailbox/
virtual_mailbox_base = {home}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
{away}
{tls}
"""

# Bounces carry what a stranger's would: the header fields of the message alone.
_AWAY = """
transport_maps = inline:{{{{away@example.com = smtp:[127.0.0.1]:{port}}}}}
smtp_host_lookup = native
bounce_size_limit = 1
"""

_TLS = """
smtpd_tls_security_level = may
smtpd_tls_chain_files = {files.key}, {files.chain}
"""

# What receives, queues and delivers on this machine; nothing here can send mail to another.
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
_OF_THE_OWNER = ("incoming", "active", "deferred", "hold", "corrupt", "bounce", "defer", "trace", "saved", "private")


@contextlib.contextmanager
def postfix(certificate: Certificate | None = None, *, next_port: int | None = None) -> Iterator[MailServer]:
    """A running Postfix; the test is skipped where its package is not to be had, or without root.

    Args:
        certificate: for STARTTLS, which is not offered without one.
        next_port: on loopback, of the server that takes what is for `away@example.com`.
    """
    if os.geteuid() != 0:
        not_to_be_had("Postfix starts as root only")
    root = debian_software("Postfix", "postfix")
    with new_home("gatepost-postfix-") as home:
        spool = _spool(home)
        configuration = _configuration(home, root, certificate, next_port)
        server = MailServer("Postfix", home, [spool / name for name in _QUEUES], home.folder / "log")
        command: list[str | Path] = [root / "usr/lib/postfix/sbin/master", "-c", configuration, "-d"]
        with running(server, home, command, {"LD_LIBRARY_PATH": libraries(root)}, as_owner=False):
            yield server


def _spool(home: Home) -> Path:
    owner, submitters = pwd.getpwnam(_OWNER).pw_uid, grp.getgrnam(_SUBMITTERS).gr_gid
    home.make("mailbox")
    home.make("data", uid=owner)
    spool = home.make("spool", 0o755, uid=0, gid=0)
    home.make("spool/pid", 0o755, uid=0, gid=0)
    home.make("spool/maildrop", 0o730, uid=owner, gid=submitters)
    home.make("spool/public", 0o710, uid=owner, gid=submitters)
    for name in _OF_THE_OWNER:
        home.make(f"spool/{name}", uid=owner, gid=0)
    return spool


def _configuration(home: Home, root: Path, certificate: Certificate | None, next_port: int | None) -> Path:
    folder = home.make("configuration", 0o755, uid=0, gid=0)
    tls = "" if certificate is None else _TLS.format(files=certificate.copied_to(home))
    main = _MAIN.format(
        home=home.folder,
        root=root,
        owner=_OWNER,
        submitters=_SUBMITTERS,
        libraries=libraries(root),
        uid=home.uid,
        gid=home.gid,
        tls=tls,
        away="" if next_port is None else _AWAY.format(port=next_port),
    )
    (folder / "main.cf").write_text(main)
    (folder / "master.cf").write_text(_MASTER.format(port=home.port))
    return folder
