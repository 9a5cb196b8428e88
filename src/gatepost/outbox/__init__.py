"""The table of messages promised in a committed transaction: the truth about every message."""
