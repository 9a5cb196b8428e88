"""A DNS server on loopback that knows what a test tells it, in a thread; or one that says nothing at all."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rrset

# For a name and a kind the records as a zone file has them.
Zone = Mapping[tuple[str, str], Sequence[str]]
SERVFAIL = "SERVFAIL"


@contextmanager
def dns_server(zone: Zone | None) -> Iterator[int]:
    """Serve a zone on UDP; give the port. None answers nothing; a record SERVFAIL is a server that failed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(listener, zone), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", port))
            thread.join()


def _serve(listener: socket.socket, zone: Zone | None) -> None:
    while True:
        asked, whom = listener.recvfrom(4_096)
        if not asked:
            return
        if zone is not None:
            listener.sendto(_answer(dns.message.from_wire(asked), zone), whom)


def _answer(query: dns.message.Message, zone: Zone) -> bytes:
    reply = dns.message.make_response(query)
    (question,) = query.question
    name = question.name.to_text(omit_final_dot=True).lower()
    kind = dns.rdatatype.to_text(question.rdtype)
    if not any(name == known for known, _ in zone):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    records = list(zone.get((name, kind), ()))
    if SERVFAIL in records:
        reply.set_rcode(dns.rcode.SERVFAIL)
    elif records:
        reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, records))
    return reply.to_wire(max_size=65_000)


def text(value: str) -> str:
    """Write a TXT record as a zone file has it: in pieces of at most 255 characters."""
    return " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255))
