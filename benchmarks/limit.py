"""The limit of a sink: pre-composed bytes over raw sockets, with nothing composed, stored or waited for in between.

`python -m benchmarks.limit pipelined|in_turn PORT COUNT CONNECTIONS` reads the message, final dot included, from
standard input and prints a JSON object: seconds and cpu_s of the sending, and count, how many these were.
"""

import json
import selectors
import socket
import sys
import time

COMMANDS = b"MAIL FROM:<a@gatepost.example>\r\nRCPT TO:<b@gatepost.example>\r\nDATA\r\n"


class _Line:
    """One connection that writes message after message.

    pipelined: commands and content in one write, as fast as the socket takes them; no server may ask for less.
    in_turn: as RFC 2920 allows it: content, final dot and the next three commands in one write, then wait for 354.
    """

    def __init__(self, port: int, message: bytes, count: int, *, pipelined: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.recv(1024)
        self.socket.sendall(b"EHLO bench\r\n")
        self.socket.recv(4096)
        self._data = memoryview(message)
        self._left = count
        self._pipelined = pipelined
        self._replies = 0
        # Replies to each message: MAIL 250, RCPT 250, DATA 354, the final dot 250.
        self._expected = 4 * count
        self._waiting = b"" if pipelined else COMMANDS
        self.socket.setblocking(False)

    @property
    def done(self) -> bool:
        return self._replies >= self._expected

    def write(self) -> bool:
        """Write what may be written; True while there is more to write at once."""
        while self._waiting or (self._pipelined and self._left):
            if not self._waiting:
                self._waiting = COMMANDS + self._data
                self._left -= 1
            try:
                sent = self.socket.send(self._waiting)
            except BlockingIOError:
                return True
            self._waiting = self._waiting[sent:]
        return False

    def read(self) -> None:
        replies = self.socket.recv(65_536)
        if not replies:
            raise SystemExit("the sink closed the connection")
        self._replies += replies.count(b"\n")
        if not self._pipelined and b"354" in replies:
            self._left -= 1
            self._waiting = bytes(self._data) + (COMMANDS if self._left else b"")


def main(how: str, port: int, count: int, connections: int) -> None:
    """Send, and print what it took."""
    message = sys.stdin.buffer.read()
    lines = [_Line(port, message, count // connections, pipelined=how == "pipelined") for _ in range(connections)]
    began, cpu = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, line)
        left = len(lines)
        while left:
            for key, ready in selector.select(60):
                line = key.data
                if ready & selectors.EVENT_READ:
                    line.read()
                more = line.write()
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
                if line.done:
                    selector.unregister(line.socket)
                    left -= 1
                elif key.events != wanted:
                    selector.modify(line.socket, wanted, line)
    took = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    print(json.dumps(took | {"count": count // connections * connections}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
