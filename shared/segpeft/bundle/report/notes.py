"""What is missing from a page, in one line each."""

from __future__ import annotations

from .content import Content
from .evaluation import Evaluation

LISTED = 5
"""So many cases are named, the others are counted."""


def notes(content: Content) -> list[str]:
    """Returns a line for each thing that a reader would look for in vain, or could be misled by."""
    lines = [line for evaluation in content.evaluations for line in _of_one(content, evaluation)]
    union = {case for evaluation in content.evaluations for case in evaluation.cases}
    for evaluation in content.evaluations:
        lacking = sorted(union - set(evaluation.cases))
        if lacking:
            lines.append(
                f"{evaluation.name} lacks {_counted(lacking)}. Means are over the cases that each evaluation has, "
                "tests over those that both have."
            )
    return lines


def _of_one(content: Content, evaluation: Evaluation) -> list[str]:
    lines, who = [], f"{evaluation.name}: " if content.several else ""
    if not evaluation.record.content:
        lines.append(f"{who}no record.json in its folder, so configuration, versions and slices are not shown.")
    if not evaluation.run:
        lines.append(f"{who}no run.json in its folder, so parameter counts and times are not shown.")
    if content.trainings[evaluation.name] is None:
        lines.append(f"{who}no training found beside it, so its curves are not shown (name its folder by --training).")
    odd = sum(1 for row in evaluation.rows for value in row.values.values() if value - value != 0)
    if odd:
        lines.append(f"{who}{odd} values are not finite; means, plots and tests are without them.")
    return lines


def _counted(cases: list[str]) -> str:
    named = ", ".join(cases[:LISTED])
    more = f" and {len(cases) - LISTED} more" if len(cases) > LISTED else ""
    return f"{len(cases)} case{'s' if len(cases) > 1 else ''} that another has ({named}{more})"
