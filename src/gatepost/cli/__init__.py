"""The command line: `gatepost serve`, and what an operator asks beside it."""

from gatepost.cli.commands import main

__all__ = ["main"]
