"""The account flows: registration, verification, password reset. Mail is only ever enqueued here."""
