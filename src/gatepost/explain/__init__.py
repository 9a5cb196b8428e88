"""Puts into words what became of a message, for whoever answers "I never got the mail". Pure, but for what reads."""
