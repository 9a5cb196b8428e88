"""Figures of what goes on, read from the tables: the database is what counts, no counter beside it."""
