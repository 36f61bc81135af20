"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Args:
        check: its name.
        text: what was found, and what was expected.
        wrong: whether the bundle has to be changed; otherwise it is a remark.
    """

    check: str
    text: str
    wrong: bool = True
