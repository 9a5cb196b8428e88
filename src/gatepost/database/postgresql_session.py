"""How a session on PostgreSQL is opened: where, what it is set to, and what it must be before anything is promised."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from gatepost.database.columns import SCHEMA
from gatepost.settings.urls import masked_url

OLDEST_VERSION = 14  # the oldest that is still maintained, and the first that knows idle_session_timeout


@dataclass(frozen=True)
class Patience:
    """How long is waited for what, in seconds."""

    connect_s: float = 5.0  # for each host, from the name's address to the answer that it is fit
    begin_s: float = 3.0  # the server has nothing to do for BEGIN: no answer means that the line is dead
    statement_s: float = 10.0  # watched by the server, and so are the next two
    lock_s: float = 5.0
    idle_in_transaction_s: float = 10.0  # so that a stopped process cannot hold rows for longer
    answer_s: float = 15.0  # longer than the server's own: then the line is dead, not the statement slow
    transaction_s: float = 30.0
    place_s: float = 10.0  # for a free connection
    ride_out_s: float = 3.0  # a restart of the server takes less: then it costs a delay and no error
    look_s: float = 15.0  # between two questions whether the listening line is alive


# What asyncpg and the network raise where no answer comes, or one that says no.
LINE_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_FILES = ("passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert")

# In one round trip: what this server is, and synchronous_commit pinned to what it is now, so that a later change by
# its administrator meets new sessions (which refuse `off`) and not this one.
_CHECK = """SELECT
    current_setting('server_version_num')::int / 10000 AS version,
    pg_is_in_recovery() AS in_recovery,
    current_setting('default_transaction_read_only') = 'on' AS read_only,
    set_config('synchronous_commit', current_setting('synchronous_commit'), false) AS synchronous_commit"""


class ServerUnfit(Exception):
    """The server answered and may not be written to as it is; the text says why and what to do.

    Args:
        may_pass: it takes no writes now, which is so for a while when servers change places.
        may_read: it can be read all the same.
    """

    def __init__(self, text: str, *, may_pass: bool = False, may_read: bool = True) -> None:
        super().__init__(text)
        self.may_pass = may_pass
        self.may_read = may_read


class Sessions:
    """Opens sessions of one database, on the first of its hosts that takes writes.

    Attributes:
        name: for errors: database and hosts, no login.
        masked_url: for logs.
        patience: how long is waited for what.
        files: the files that the URL names, with the names of their options.
        has_several_hosts: another one may take writes where one does not.
        generation: a line whose connection is of an earlier one opens a new one; see `renew`.
        away: a work gave up because no server was there, and none has been since: nobody waits for it now.
    """

    def __init__(self, url: str, patience: Patience = Patience()) -> None:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
        query = parse_qs(parts.query)
        where = hosts or query.get("host", ["this machine"])[-1]
        what = unquote(parts.path.lstrip("/")) or query.get("dbname", query.get("database", ["of this user"]))[-1]
        self.name = f"PostgreSQL database {what} on {unquote(where)}"
        self.masked_url = masked_url(url)
        self.files = [(name, Path(query[name][-1])) for name in _FILES if name in query]
        self.patience = patience
        self.generation = 0
        self.away = False
        self._url = url
        self.has_several_hosts = "," in hosts
        self._hosts = [_place(host) for host in hosts.split(",")] if self.has_several_hosts else [{}]

    async def open(self, part: str, *, reading: bool = False, bounded: bool = True) -> Any:
        """Open and check a session, and return asyncpg's connection.

        A host that is away or takes no writes is passed over while there is another. The one that was good comes first
        the next time: asyncpg would wait for a dead one at every connection.

        Args:
            part: what it is for; shown in pg_stat_activity.
            reading: a host that takes no writes will do where there is no better one.
            bounded: False for migrations, which may take their time.

        Raises:
            ServerUnfit: no host will do as it is.
            LINE_ERRORS: whatever asyncpg and the network raised for the last host.
        """
        readable = None
        for place in list(self._hosts):
            try:
                connection, unfit = await self._open(part, place, bounded)
            except LINE_ERRORS as error:
                failure: Exception = error
                continue
            if unfit is None:
                if readable is not None:
                    readable.terminate()
                self.away = False
                self._hosts.remove(place)
                self._hosts.insert(0, place)
                return connection
            failure = unfit
            if reading and unfit.may_read and readable is None:
                readable = connection
            else:
                connection.terminate()
        if readable is not None:
            return readable
        raise failure

    def renew(self, generation: int) -> None:
        """Have every line open a new session: one of this generation found that its server takes no writes now."""
        if generation == self.generation:  # the first of those that find it at the same time
            self.generation += 1

    def opener(self, part: str, *, reading: bool = False, bounded: bool = True) -> Callable[..., Awaitable[Any]]:
        """Return `open` in the form SQLAlchemy asks for: it adds arguments from a URL we do not use."""

        async def opened(*_: object, **__: object) -> Any:
            return await self.open(part, reading=reading, bounded=bounded)

        return opened

    async def _open(self, part: str, place: Mapping[str, Any], bounded: bool) -> tuple[Any, ServerUnfit | None]:
        connection = await asyncpg.connect(
            self._url,
            **place,
            timeout=self.patience.connect_s,
            command_timeout=self.patience.answer_s if bounded else None,
            server_settings=self._settings(part, bounded),
        )
        try:
            server = await connection.fetchrow(_CHECK, timeout=self.patience.connect_s)
        except BaseException:
            connection.terminate()
            raise
        return connection, unfitness(server)

    def _settings(self, part: str, bounded: bool) -> dict[str, str]:
        """What a session is set to when it begins; each wins over the URL and over what an administrator set."""

        def milliseconds(seconds: float) -> str:
            return str(int(seconds * 1000) if bounded else 0)

        return {
            "application_name": f"gatepost {part}",
            "search_path": f"{SCHEMA}, pg_temp",  # pg_temp last, or a temporary table would stand before ours
            "statement_timeout": milliseconds(self.patience.statement_s),
            "lock_timeout": milliseconds(self.patience.lock_s),
            "idle_in_transaction_session_timeout": milliseconds(self.patience.idle_in_transaction_s),
            "idle_session_timeout": "0",  # the listener has nothing to say for hours
            # In seconds: when the server asks whether we are still there. It frees what a lost machine held, and keeps
            # firewalls from forgetting a quiet connection.
            "tcp_keepalives_idle": "60",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
            "jit": "off",  # our statements are short: compiling them costs more than running them
        }


def _place(host: str) -> dict[str, Any]:
    name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "")
    return {"host": unquote(name).strip("[]"), "port": int(port or 5432)}


def unfitness(server: Mapping[str, Any]) -> ServerUnfit | None:
    """Say why nothing may be promised on `server`, a row of the check; None where what is written is kept."""
    if server["version"] < OLDEST_VERSION:
        return ServerUnfit(
            f"it is version {server['version']}; Gatepost needs PostgreSQL {OLDEST_VERSION} or newer", may_read=False
        )
    if server["in_recovery"]:
        return ServerUnfit(
            "it is a standby, which takes no writes; name the primary in GATEPOST_DATABASE_URL, or both", may_pass=True
        )
    if server["read_only"]:
        return ServerUnfit(
            "it takes no writes: default_transaction_read_only is on there; set it to off, or name the primary in"
            " GATEPOST_DATABASE_URL",
            may_pass=True,
        )
    if server["synchronous_commit"] == "off":
        return ServerUnfit(
            "synchronous_commit is off there, which loses acknowledged commits in a crash; set it to on, for this"
            " database at least: ALTER DATABASE … SET synchronous_commit = on"
        )
    return None
