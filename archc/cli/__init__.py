"""The command line: one file a command, none with logic of its own."""

from archc.cli.main import main

__all__ = ["main"]
