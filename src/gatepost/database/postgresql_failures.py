"""Which errors of PostgreSQL mean "not now", which "run it again", and the sentence that names the way out.

By SQLSTATE (appendix A of PostgreSQL's documentation). What is not here (a syntax error, a violated constraint) passes
unchanged.
"""

import ssl

import asyncpg
from sqlalchemy.exc import DBAPIError

from gatepost.database.postgresql_session import ServerUnfit
from gatepost.errors import DatabaseUnavailable

# Nothing of the transaction is left, and another run of it may succeed.
_CONFLICTS = {
    "40001": "transactions got in each other's way without end; look in pg_stat_activity for what else writes there",
    "40P01": "transactions locked each other out without end; look in pg_stat_activity for what else writes there",
}

_READ_ONLY = "25006"
_STARTING = "57P03"
_TOO_MANY = "53300"

_WAYS_OUT = {
    **_CONFLICTS,
    "25006": "it takes no writes: a standby, or default_transaction_read_only is on; see where the primary is",
    "25P03": "a transaction was left open for too long and was ended by the server",
    "25P04": "a transaction took too long and was ended by the server",
    "28": "it refuses this user; see user name and password in GATEPOST_DATABASE_URL and the server's pg_hba.conf",
    "3D000": "there is no such database; create it, or correct GATEPOST_DATABASE_URL",
    "42501": "this user may not do that; the user in GATEPOST_DATABASE_URL must own the schema gatepost",
    "53100": "its disk is full; free some space, a running service then recovers by itself",
    "53300": "it has too many connections; raise its max_connections, or lower GATEPOST_DATABASE_CONNECTIONS",
    "53": "it is out of resources",
    "55P03": "rows stayed locked by another transaction; look for long ones in pg_stat_activity",
    "57014": "a statement took too long; look in pg_stat_activity for what holds it up",
    "57P03": "it is starting up or shutting down",
    "57": "it is stopping, or an administrator ended the connection",
    "58": "it cannot read or write its files; see its log",
    "08": "the connection was lost",
    "XX001": "its data is damaged; see its log",
    "XX002": "its data is damaged; see its log",
}
_AWAY = "it cannot be reached; see that the server runs and that host and port in GATEPOST_DATABASE_URL are right"
_MAX_CAUSES = 4  # SQLAlchemy's, asyncpg's, the server's last word
_NO_TLS = "it has no certificate that sslmode and sslrootcert in GATEPOST_DATABASE_URL accept"


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code behind `error`, whoever wrapped it, or None.

    Of a lost connection it is the server's last word, where it had one (57P01: an administrator ended it).
    """
    if not isinstance(error, DBAPIError | asyncpg.PostgresError | asyncpg.InterfaceError):
        return None  # an error of a work's own, whatever caused it
    found = None
    seen: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    for _ in range(_MAX_CAUSES):
        found = getattr(seen, "sqlstate", None) or found
        seen = None if seen is None else seen.__cause__
    return found


def is_conflict(error: BaseException) -> bool:
    """Say whether transactions got in each other's way, so that this one may simply run again."""
    if sqlstate(error) in _CONFLICTS:
        return True
    # Another process migrated: SQLAlchemy forgets every prepared statement at the first of these.
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else None
    return isinstance(cause, asyncpg.InvalidCachedStatementError)


def is_read_only(error: BaseException) -> bool:
    """Say whether the server turned out to take no writes."""
    return sqlstate(error) == _READ_ONLY


def may_pass(error: BaseException) -> bool:
    """Say whether a failure to connect is one that time may heal: away, starting, full, or changing places."""
    if isinstance(error, ServerUnfit):
        return error.may_pass
    code = sqlstate(error)
    return code is None or code in (_STARTING, _TOO_MANY) or code.startswith(("08", "57"))


def is_unavailable(error: BaseException) -> bool:
    """Say whether `error` comes from the server's state, so that the same work may succeed later."""
    return _advice(sqlstate(error)) is not None


def unavailable(name: str, error: BaseException) -> DatabaseUnavailable:
    """Make the caller's error from the database's, with the cause chained."""
    told = DatabaseUnavailable(f"{name}: {way_out(error)}")
    told.__cause__ = error
    return told


def way_out(error: BaseException) -> str:
    """One clause that says what is wrong and what to do, ending with the server's own words."""
    if isinstance(error, ServerUnfit):
        return str(error)
    original = getattr(error, "orig", None) or error
    if isinstance(error, ssl.SSLError):
        return f"{_NO_TLS} ({error})"
    code = sqlstate(error)
    advice = _AWAY if code is None else _advice(code) or "the database failed"
    words = str(original).splitlines()[0] if str(original) else type(original).__name__
    return f"{advice} ({words})"


def _advice(code: str | None) -> str | None:
    return None if code is None else _WAYS_OUT.get(code) or _WAYS_OUT.get(code[:2])
