"""Images that stand in a set more than once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from segpeft.data.survey import CaseFacts
from segpeft.finding import ERROR, WARNING, Finding

from ..looking import CaseLook


def check_duplicates(looks: Sequence[CaseLook]) -> Iterator[Finding]:
    """Yields images whose voxels are equal: an error between sections, otherwise a warning.

    Only equal voxels are seen: a copy that was resampled, cropped or rescaled is not.
    """
    same: dict[str, list[CaseFacts]] = defaultdict(list)
    for one in looks:
        for digest in {channel.digest for channel in one.facts.channels if channel.digest and not channel.constant}:
            same[digest].append(one.facts)
    told: set[tuple[str, ...]] = set()
    for cases in same.values():
        names = tuple(case.name for case in cases)
        if len(names) < 2 or names in told:
            continue
        told.add(names)
        listed = ", ".join(f"{case.name} ({case.section})" for case in cases)
        apart = len({case.section for case in cases}) > 1
        reason = "what is tested was trained on" if apart else "folds that hold one each are not independent"
        yield Finding("duplicates", f"equal images in {listed}: {reason}", ERROR if apart else WARNING, names[0])
