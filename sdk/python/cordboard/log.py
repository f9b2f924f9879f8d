"""Lines for the plugin's log. They reach the operator with the contact's id, and never a journal."""

from wit_world.imports import logging


def debug(message: str) -> None:
    """For whoever looks for a fault."""
    logging.log(logging.Level.DEBUG, "", message)


def info(message: str) -> None:
    """What happened."""
    logging.log(logging.Level.INFO, "", message)


def warn(message: str) -> None:
    """Something an operator should know."""
    logging.log(logging.Level.WARN, "", message)


def error(message: str) -> None:
    """Something that failed."""
    logging.log(logging.Level.ERROR, "", message)
