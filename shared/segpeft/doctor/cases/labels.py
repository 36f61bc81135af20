"""Values of a label that nobody has named, and labels with nothing in them."""

from __future__ import annotations

from collections.abc import Iterator

from segpeft.data.survey import CaseFacts
from segpeft.finding import ERROR, WARNING, Finding

from ..expected import Expected


def check_labels(facts: CaseFacts, expected: Expected) -> Iterator[Finding]:
    """Yields label values that are not whole or not expected, and labels in which nothing is drawn."""
    label = facts.label
    if label is None or label.grid is None:
        return
    if label.odd:
        values = ", ".join(f"{value:g}" for value in label.odd)
        yield Finding("labels", f"{label.path}: holds {values}; expected whole numbers", ERROR, facts.name)
    if expected.values is not None:
        known = ", ".join(f"{value} {name}" for value, name in sorted(expected.values.items()))
        total = sum(count for _, count in label.counts)
        for value, count in label.counts:
            if value not in expected.values:
                text = f"{label.path}: holds the value {value} ({count} of {total} voxels); expected {known}"
                yield Finding("labels", text, ERROR, facts.name)
    if not any(value for value, _ in label.counts) and not label.odd:
        yield Finding("labels", f"{label.path}: nothing is drawn", WARNING, facts.name)
