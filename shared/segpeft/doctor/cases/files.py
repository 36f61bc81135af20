"""Files of a case that are missing, unreadable or too many."""

from __future__ import annotations

from collections.abc import Iterator

from segpeft.data.survey import CaseFacts
from segpeft.finding import ERROR, NOTE, Finding

from ..expected import Expected


def check_files(facts: CaseFacts, expected: Expected) -> Iterator[Finding]:
    """Yields each file that cannot be used, and another number of channels than expected."""
    for problem in facts.problems:
        absent = problem.endswith("no such file") or ": has no " in problem
        severity = NOTE if absent and expected.allow_missing else ERROR
        yield Finding("files", problem, severity, facts.name)
    found, wanted = len(facts.channels), len(expected.channels)
    readable = all(channel.grid for channel in facts.channels)
    if readable and found != wanted:
        names = ", ".join(expected.channels)
        yield Finding("files", f"has {found} channels; expected {wanted} ({names})", ERROR, facts.name)
    if facts.label is None and facts.section != "test":
        yield Finding("files", f"has no label, and is listed for {facts.section}", ERROR, facts.name)
