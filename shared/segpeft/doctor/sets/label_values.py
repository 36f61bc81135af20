"""Label values over the whole set: some that nobody draws, some that one case alone has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from segpeft.finding import WARNING, Finding

from ..expected import Expected
from ..looking import CaseLook
from .alternatives import LEAST_CASES


def check_label_values(looks: Sequence[CaseLook], expected: Expected) -> Iterator[Finding]:
    """Yields expected values that no label holds, and, if nobody says what to expect, those of a single case."""
    labels = [(one.facts.name, one.facts.label) for one in looks if one.facts.label and one.facts.label.grid]
    seen = Counter(value for _, label in labels for value, _ in label.counts)
    if expected.values is not None and labels:
        for value, name in sorted(expected.values.items()):
            if value and not seen[value]:
                text = f"no label holds the value {value} ({name}): nothing to learn it from"
                yield Finding("labels", text, WARNING)
    if expected.values is None and len(labels) >= LEAST_CASES:
        for name, label in labels:
            for value in (value for value, _ in label.counts if value and seen[value] == 1):
                yield Finding("labels", f"{label.path}: is the only one with the value {value}", WARNING, name)
