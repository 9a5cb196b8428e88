"""What operators did: who, when, to what, and why. Rows are written with the deed, in its transaction."""
