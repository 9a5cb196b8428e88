"""Takes the port before anything else is opened, so that a taken one is told at once and nothing has to be undone."""

import errno
import socket

from gatepost.errors import StartRefused
from gatepost.settings.urls import in_url


def take_port(host: str, port: int) -> socket.socket:
    """Bind a socket to the address; it does not listen yet, so nobody is kept waiting while the service starts.

    Raises:
        StartRefused: the port is taken or not allowed, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise StartRefused(
            f"the address {host} is not known; set GATEPOST_HOST to an address of this machine"
        ) from None
    listener = socket.socket(family, kind, protocol)
    # Without it a restart would have to wait until the system forgets the connections of the process before.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as refusal:
        listener.close()
        raise refused(host, port, refusal) from None
    return listener


def refused(host: str, port: int, error: OSError) -> StartRefused:
    """Say why the system would not give the port, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return StartRefused(f"port {port} on {host} is taken by another program; stop it or set GATEPOST_PORT")
    if error.errno in (errno.EACCES, errno.EPERM):
        return StartRefused(f"port {port} needs rights this user does not have; set GATEPOST_PORT to 1024 or more")
    if error.errno == errno.EADDRNOTAVAIL:
        return StartRefused(f"the address {host} is not this machine's; set GATEPOST_HOST to one that is")
    return StartRefused(
        f"cannot listen on {in_url(host)}:{port}: {error.strerror}; set GATEPOST_HOST and GATEPOST_PORT"
    )
