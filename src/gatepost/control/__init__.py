"""How the command line acts on a SQLite file that a running process owns: a unix socket beside the file."""
