"""Addresses that must not be written to: why, since when, and what of our mail that is about."""
