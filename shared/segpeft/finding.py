"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a finding matters; a greater one matters more."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


NOTE, WARNING, ERROR = Severity


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Args:
        check: its name.
        text: what was found, and what was expected.
        severity: an error has to be repaired; a warning is probably wrong; a note is to be known.
        subject: what it was found in, such as a case; "" where the text says so.
    """

    check: str
    text: str
    severity: Severity = ERROR
    subject: str = ""

    @property
    def wrong(self) -> bool:
        """Whether something has to be repaired."""
        return self.severity is ERROR
