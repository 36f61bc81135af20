"""What a stream has left out, counted and, up to a bound, listed."""

from __future__ import annotations

MOST_LISTED = 1000


class SkippedFiles:
    """Counts files that were read and those that were left out, with the reason for each of the first ones.

    Attributes:
        files: how many were read, usable or not.
        count: how many had something unusable, each once as long as it is listed.
        listed: name to reason, of at most `MOST_LISTED`.
    """

    def __init__(self) -> None:
        self.files, self.count = 0, 0
        self.listed: dict[str, str] = {}

    def add(self, name: str, reason: str) -> None:
        """Counts what was left out of one file."""
        if name in self.listed:
            return
        self.count += 1
        if len(self.listed) < MOST_LISTED:
            self.listed[name] = reason

    def text(self) -> str:
        """Returns a line for each listed file, and one that says how many are not listed."""
        lines = list(self.listed.values())
        if self.count > len(lines):
            lines.append(f"and {self.count - len(lines)} more")
        return "".join(f"{line}\n" for line in lines)
