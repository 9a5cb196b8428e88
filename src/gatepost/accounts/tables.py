"""The tables of accounts: who there is, who waits, who is signed in, and what was mailed to prove it."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from gatepost.database.columns import Instant, RowId, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("email", Text, nullable=False),  # as typed at the first registration
    Column("address_key", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("locale", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", Instant, nullable=False),
    Column("verified_at", Instant),
    # Raised by every registration of this address, so that a taken one writes the same rows as a new one.
    Column("registrations", Integer, nullable=False),
    # Added later, so last: a migrated table has them there.
    Column("disabled_at", Instant),  # set by an operator: nobody signs in, no mail goes out
    Column("deleted_at", Instant),  # set by its owner: erased some days later, restored by a reset until then
    CheckConstraint("verified_at IS NOT NULL OR password_hash IS NULL", name="password_once_verified"),
    sqlite_with_rowid=False,
)
# Whom nobody proved, and who is to be erased: the oldest first for whoever prunes.
Index(
    "ix_accounts_unverified",
    accounts.c.created_at,
    sqlite_where=accounts.c.verified_at.is_(None),
    postgresql_where=accounts.c.verified_at.is_(None),
)
Index(
    "ix_accounts_deleted",
    accounts.c.deleted_at,
    sqlite_where=accounts.c.deleted_at.is_not(None),
    postgresql_where=accounts.c.deleted_at.is_not(None),
)

# One registration of an address nobody has proved yet. Which one counts is decided by whoever proves the address.
candidates = Table(
    "candidates",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", RowId, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("password_hash", Text),  # null once closed
    Column("name", Text),
    Column("locale", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),  # set: the address was proved, before or after; this one never becomes anything
    CheckConstraint("(closed_at IS NULL) = (password_hash IS NOT NULL)", name="closed_holds_no_password"),
    sqlite_with_rowid=False,
)
# All of an account, closed ones as well: its proof deletes them.
Index("ix_candidates_account", candidates.c.account_id, candidates.c.closed_at)
Index("ix_candidates_created_at", candidates.c.created_at)
Index(
    "ix_candidates_closed",
    candidates.c.closed_at,
    sqlite_where=candidates.c.closed_at.is_not(None),
    postgresql_where=candidates.c.closed_at.is_not(None),
)

# What is needed to recognise a mailed token, and nothing from which one could be made.
tokens = Table(
    "tokens",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("account_id", RowId, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("address_key", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("voided_at", Instant),
    CheckConstraint("purpose IN ('verification', 'password_reset', 'address_change', 'address_undo')", name="purpose"),
    CheckConstraint("account_id IS NOT NULL OR voided_at IS NOT NULL", name="void_without_account"),
    sqlite_with_rowid=False,
)
Index("ix_tokens_account", tokens.c.account_id, tokens.c.purpose)
# The oldest first for whoever prunes: a stranger can cause many within the week they are kept.
Index(
    "ix_tokens_no_account",
    tokens.c.account_id,  # first, or SQLite prefers the index above and sorts
    tokens.c.created_at,
    sqlite_where=tokens.c.account_id.is_(None),
    postgresql_where=tokens.c.account_id.is_(None),
)

# A registration that was answered, by the Idempotency-Key it came with: a repeat gets the same answer for a day.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_digest", LargeBinary(32), primary_key=True),  # SHA-256 of the header field's value
    Column("key_id", Text, nullable=False),  # which secret `body_mac` was made with
    Column("body_mac", LargeBinary(32), nullable=False),
    # Null only within the transaction that registers; with the account goes what was said about it.
    Column("account_id", RowId, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("answer", Text),  # JSON of the account as it was answered; null where the answer says nothing about it
    Column("created_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_idempotency_keys_account_id", idempotency_keys.c.account_id)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)

# Who is signed in. The row goes when the session ends: what was a credential is none from that commit on.
sessions = Table(
    "sessions",
    metadata,
    Column("id", RowId, primary_key=True),  # known to its owner, and no secret
    Column("digest", LargeBinary(32), nullable=False, unique=True),  # SHA-256 of a token of 256 random bits
    Column("account_id", RowId, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),  # not at every request: see sessions.py
    Column("expires_at", Instant, nullable=False),  # whatever it is used for
    Column("network", Text),  # from where it was begun, roughly
    Column("agent", Text),  # with which browser, as it called itself
    sqlite_with_rowid=False,
)
Index("ix_sessions_account", sessions.c.account_id, sessions.c.created_at)
Index("ix_sessions_expires_at", sessions.c.expires_at)

# From where an account was signed in to before: who comes from there is not shut out by a stranger's guesses.
known_clients = Table(
    "known_clients",
    metadata,
    Column("account_id", RowId, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("client", LargeBinary(16), primary_key=True),  # keyed hash of the prefix
    Column("seen_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_known_clients_seen_at", known_clients.c.seen_at)

# One wish to have another address. The account's own address stays until the new one is proved.
address_changes = Table(
    "address_changes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", RowId, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("old_email", Text, nullable=False),
    Column("old_key", Text, nullable=False),
    Column("new_email", Text, nullable=False),
    Column("new_key", Text, nullable=False),
    Column("confirm_token", LargeBinary(16), nullable=False, unique=True),
    Column("undo_token", LargeBinary(16), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("undone_at", Instant),
    sqlite_with_rowid=False,
)
Index("ix_address_changes_account", address_changes.c.account_id, address_changes.c.created_at)
Index("ix_address_changes_created_at", address_changes.c.created_at)

# What each client, session or address may still ask for: one instant for each, see limits.py (GCRA).
limits = Table(
    "limits",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),  # keyed hash: no address of a person or a machine stands here
    Column("spent_until", Instant, nullable=False),  # the theoretical arrival time
    sqlite_with_rowid=False,
)
Index("ix_limits_spent_until", limits.c.spent_until)

# That a mailed link was opened, by whom it seems: the first time for each, and nothing of where from.
link_opens = Table(
    "link_opens",
    metadata,
    Column("token_id", LargeBinary(16), primary_key=True),
    Column("opener", Text, primary_key=True),
    Column("opened_at", Instant, nullable=False),
    CheckConstraint("opener IN ('person', 'scanner')", name="opener"),
    sqlite_with_rowid=False,
)
Index("ix_link_opens_opened_at", link_opens.c.opened_at)
