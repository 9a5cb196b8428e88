"""What the command line has done by whoever may write: the running service, or itself where none runs."""
