"""Cases whose label is mirrored relative to their image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segpeft.finding import NOTE, WARNING, Finding

from ..features.placement import AXES, FORMS
from ..looking import CaseLook, usable_values
from .alternatives import LEAST_CASES, evidence


def check_mirrored_label(looks: Sequence[CaseLook]) -> Iterator[Finding]:
    """Yields a warning for each case whose label fits its image as in the others only after it is mirrored."""
    usable = [one for one in looks if one.placement is not None]
    widths = [next(iter(one.placement.fit.values())).shape[1] for one in usable if one.placement]
    usable = [one for one, width in zip(usable, widths, strict=True) if width == max(widths)]
    if len(usable) < LEAST_CASES:
        if usable:
            text = f"not checked: {len(usable)} cases can be compared, at least {LEAST_CASES} are needed"
            yield Finding("mirrored label", text, NOTE)
        return
    values = usable_values(usable)
    vectors = np.array([one.placement.vectors(values) for one in usable if one.placement])
    for one, better in zip(usable, evidence(vectors).better(), strict=True):
        axis = FORMS[better]
        if axis is not None:
            text = f"the label looks mirrored ({AXES[axis]}): turned back it would fit its image as in other cases"
            yield Finding("mirrored label", text, WARNING, one.facts.name)
