"""fastapi-mail without an application around it: so many at a time, from a list in memory.

`python -m benchmarks.peers.fastapi_mail_alone each|lists PORT COUNT CONNECTIONS` prints a JSON object: seconds and
cpu_s of the sending. each: `send_message(message)`, which opens a connection for every message. lists:
`send_message([messages])`, which sends a list over one connection; one list for each connection.
"""

import asyncio
import json
import sys
import time

from benchmarks.clients import shares
from benchmarks.padded import padded_templates
from benchmarks.peers.fastapi_mail import Mailer


async def _send(how: str, mailer: Mailer, count: int, connections: int) -> None:
    left = iter(range(count))

    async def each() -> None:
        for number in left:
            await mailer.mail.send_message(mailer.message("ada@example.com", number))

    async def a_list(share: int) -> None:
        await mailer.mail.send_message([mailer.message("ada@example.com", number) for number in range(share)])

    if how == "each":
        await asyncio.gather(*(each() for _ in range(connections)))
    else:
        await asyncio.gather(*map(a_list, shares(count, connections)))


def main(how: str, port: int, count: int, connections: int) -> None:
    """Send, and print what it took."""
    mailer = Mailer(port, padded_templates())
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(_send(how, mailer, count, connections))
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
