"""Makes what was deleted from a SQLite file unreadable in its bytes, too.

`secure_delete` writes zeros over a row as it goes; what an earlier version, or a SQLite without it, left in free space
goes with a VACUUM, which writes the file anew. The log beside the file holds every page as it was, until it is cut.
"""

import sqlite3

# Written anew in about 3 s on a slow disk, during which nobody else writes.
MAX_REWRITTEN_BYTES = 512 * 1024 * 1024
# How long those who read an old state are waited for; a query of ours is over by then.
_READERS_TIMEOUT_MS = 5_000

TOO_LARGE = (
    "the file has {} MiB, which is too much to write anew beside the mail: what an earlier version of Gatepost, or a"
    " SQLite without secure_delete, left in its free space may still be there. Stop the service, run"
    ' `sqlite3 {} "VACUUM"`, and start it'
)
STILL_READ = (
    "{}-wal still holds pages as they were, because a program reads an old state: end that program (a sqlite3 shell,"
    " a backup tool) and run this again"
)


def scrub(raw: sqlite3.Connection, path: str) -> str | None:
    """Write the file anew if it is not too large, and cut the log; returns what is left to do, None for nothing.

    Args:
        raw: the writing connection, outside a transaction.
        path: the file, for the sentence.

    Raises:
        sqlite3.Error: the disk is full, say; then the file is as it was.
    """
    (pages,), (page_bytes,) = (raw.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    size = pages * page_bytes
    if size <= MAX_REWRITTEN_BYTES:
        raw.execute("VACUUM")
    timeout_ms = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute(f"PRAGMA busy_timeout={_READERS_TIMEOUT_MS}")
    try:
        is_busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        raw.execute(f"PRAGMA busy_timeout={timeout_ms}")
    if is_busy:
        return STILL_READ.format(path)
    return None if size <= MAX_REWRITTEN_BYTES else TOO_LARGE.format(f"{size // 2**20:,}", path)
