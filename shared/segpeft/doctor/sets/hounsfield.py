"""CT that is not in Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segpeft.finding import ERROR, Finding

from ..expected import Expected
from ..looking import CaseLook

AIR = -500.0
"""HU; no other modality goes so low."""


def check_hounsfield(looks: Sequence[CaseLook], expected: Expected) -> Iterator[Finding]:
    """Yields volumes of a CT channel whose values cannot be in Hounsfield units.

    A channel is CT where the bundle or its name says so, and where most cases have air in it.
    """
    for index, name in enumerate(expected.channels):
        having = [one for one in looks if index < len(one.facts.channels) and one.facts.channels[index].grid]
        airy = [one for one in having if one.facts.channels[index].low <= AIR and not one.hounsfield[index]]
        if not (expected.ct or name.upper() == "CT" or 2 * len(airy) > len(having)):
            continue
        for one in having:
            if reason := one.hounsfield[index]:
                text = f"{one.facts.channels[index].path}: {reason}; expected Hounsfield units (air -1000, water 0)"
                yield Finding("hounsfield", text, ERROR, one.facts.name)
