"""How a session on PostgreSQL is opened: what it is set to, and what it must be before anything is promised in it."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from gatepost.database.columns import SCHEMA
from gatepost.settings.urls import masked_url

OLDEST_VERSION = 14  # the oldest that is still maintained, and the first that knows idle_session_timeout
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 10.0
LOCK_TIMEOUT_S = 5.0
IDLE_IN_TRANSACTION_TIMEOUT_S = 10.0  # so a stopped process cannot hold rows for longer
ANSWER_TIMEOUT_S = 15.0  # longer than the server's own: then the line is dead, not the statement slow

# In one round trip: what this server is, and synchronous_commit pinned to what it is now, so that a later change by
# its administrator meets new sessions (which refuse `off`) and not this one.
_CHECK = """SELECT
    current_setting('server_version_num')::int / 10000 AS version,
    pg_is_in_recovery() AS in_recovery,
    current_setting('default_transaction_read_only') = 'on' AS read_only,
    set_config('synchronous_commit', current_setting('synchronous_commit'), false) AS synchronous_commit"""


class ServerUnfit(Exception):
    """The server answered and may not be written to as it is; the text says why and what to do."""


@dataclass(frozen=True)
class Address:
    """Where the database is.

    Args:
        url: as it was set, with the password.
        name: for errors: database and host.
        masked_url: for logs.
    """

    url: str
    name: str
    masked_url: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """Read host and database out of a postgresql:// URL."""
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2] or dict(parse_qsl(parts.query)).get("host", "this machine")
        name = f"PostgreSQL database {parts.path.lstrip('/') or '(default)'} on {hosts}"
        return cls(url, name, masked_url(url))


def session_settings(part: str, *, bounded: bool = True) -> dict[str, str]:
    """What a session is set to when it begins.

    Args:
        part: what it is for; shown in pg_stat_activity.
        bounded: False for migrations, which may take their time.
    """

    def milliseconds(seconds: float) -> str:
        return str(int(seconds * 1000) if bounded else 0)

    return {
        "application_name": f"gatepost {part}",
        "search_path": f"{SCHEMA}, pg_temp",  # pg_temp last, or a temporary table could stand before ours
        "statement_timeout": milliseconds(STATEMENT_TIMEOUT_S),
        "lock_timeout": milliseconds(LOCK_TIMEOUT_S),
        "idle_in_transaction_session_timeout": milliseconds(IDLE_IN_TRANSACTION_TIMEOUT_S),
        "idle_session_timeout": "0",
        "jit": "off",  # our statements are short: compiling them costs more than running them
    }


def connector(address: Address, part: str, *, bounded: bool = True) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return what opens and checks one session and returns asyncpg's connection; in the form SQLAlchemy asks for.

    It raises ServerUnfit, or what asyncpg and the network raise.
    """

    async def connect(*_: object, **__: object) -> Any:
        connection = await asyncpg.connect(
            address.url,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=ANSWER_TIMEOUT_S if bounded else None,
            server_settings=session_settings(part, bounded=bounded),
        )
        try:
            refuse_unfit(await connection.fetchrow(_CHECK, timeout=CONNECT_TIMEOUT_S))
        except BaseException:
            connection.terminate()
            raise
        return connection

    return connect


def refuse_unfit(server: Mapping[str, Any]) -> None:
    """Raise ServerUnfit unless what is committed there is durable."""
    if server["version"] < OLDEST_VERSION:
        raise ServerUnfit(f"it is version {server['version']}; Gatepost needs PostgreSQL {OLDEST_VERSION} or newer")
    if server["in_recovery"] or server["read_only"]:
        why = "it is a standby" if server["in_recovery"] else "default_transaction_read_only is on"
        raise ServerUnfit(
            f"it takes no writes ({why}); name the primary in GATEPOST_DATABASE_URL, or every server with"
            " ?target_session_attrs=read-write"
        )
    if server["synchronous_commit"] == "off":
        raise ServerUnfit(
            "synchronous_commit is off there, which loses acknowledged commits in a crash; set it to on for this"
            " database: ALTER DATABASE … SET synchronous_commit = on"
        )
