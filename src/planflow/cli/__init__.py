"""The command line."""

from planflow.cli.entrance import main, run

__all__ = ["main", "run"]
