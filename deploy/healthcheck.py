"""Ends with 0 while the service in this container answers, with 1 otherwise. Needs nothing but Python."""

import http.client
import os
import sys

TIMEOUT_S = 4


def main() -> int:
    """Ask /healthz as a probe does, without a proxy and without a Host of ours."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ.get("GATEPOST_PORT", "8000")), timeout=TIMEOUT_S
    )
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
