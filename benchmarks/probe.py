"""Asks GET /healthz for some seconds and prints the latencies: `python -m benchmarks.probe PORT SECONDS`.

A process of its own with one blocking socket: nothing of the load client's time gets into the figures.
"""

import json
import socket
import sys
import time

EVERY_S = 0.01
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def main(port: int, seconds: float) -> None:
    """Print a JSON list of milliseconds. The last request is waited for, however long it takes (at most 60 s)."""
    latencies_ms = []
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline = time.perf_counter() + seconds
        while (began := time.perf_counter()) < deadline:
            line.sendall(REQUEST)
            read_answer(line)
            latencies_ms.append((time.perf_counter() - began) * 1000)
            time.sleep(EVERY_S)
    print(json.dumps(latencies_ms))


def read_answer(line: socket.socket) -> None:
    """Read one answer to its end; it may come in pieces."""
    answer = b""
    while True:
        head, end, body = answer.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            break
        if not (piece := line.recv(65_536)):
            raise SystemExit("GET /healthz: the connection was closed")
        answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit("GET /healthz did not answer 200")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
