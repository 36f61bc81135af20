"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[Any]], texts: int | None = None) -> str:
    """Returns a table in Markdown, without a line break at its end.

    Args:
        head: names of the columns.
        lines: a value a column each; written as ``str`` writes them.
        texts: columns from the left that are texts; those after them are set to the right, as numbers. None: all are.
    """
    left = len(head) if texts is None else texts
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (head, rule, *lines))
