"""Keeps ignite from logging an exception that it raises anyway."""

from __future__ import annotations

import logging

ANNOUNCEMENTS = ("Current run is terminating due to exception", "Engine run is terminating due to exception")


class RaisedAnyway(logging.Filter):
    """Drops ignite's two log records about an exception: it reaches the caller, who shows it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tells whether ``record`` is to be logged."""
        return not record.getMessage().startswith(ANNOUNCEMENTS)


RAISED_ANYWAY = RaisedAnyway()
