"""Checks of one case: what its facts say without regard to the others."""

from __future__ import annotations

from collections.abc import Iterator

from segpeft.data.survey import CaseFacts
from segpeft.finding import Finding

from ..expected import Expected
from .files import check_files
from .grids import check_grids
from .intensities import check_intensities
from .labels import check_labels

CHECKS = (check_files, check_grids, check_intensities, check_labels)


def check_case(facts: CaseFacts, expected: Expected) -> Iterator[Finding]:
    """Yields what is to say of a case."""
    for check in CHECKS:
        yield from check(facts, expected)
