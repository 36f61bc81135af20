"""Evaluations compared in pairs."""

from __future__ import annotations

from segpeft.bundle.statistics import compare

from ..content import Content
from ..html import Html, joined, tag
from ..metrics import Metric
from ..tables import table
from .scores import interval_text
from .section import Section

EXPLAINED = (
    "Difference: the first minus the second, mean over the cases that both have. p: Wilcoxon's signed-rank test, "
    "two-sided, on the differences of the cases. p (Holm): adjusted for the number of pairs of a metric. These tests "
    "are about the cases; they do not tell how much another seed of the training would change."
)


def differences(content: Content) -> Section:
    """Returns the paired tests of every two evaluations, an empty section for one evaluation."""
    lines = [line for metric in content.metrics for line in _lines(content, metric)]
    if not content.several:
        return Section("differences", "Differences", Html())
    if not lines:
        return Section("differences", "Differences", tag("p", "No two evaluations have a case in common."))
    head = ["metric", "first", "second", "n", "difference", "95 % interval", "p", "p (Holm)"]
    caption = f"Paired tests, {content.region_title(content.summary_region)}"
    return Section("differences", "Differences", joined([table(caption, head, lines, 3), tag("p", EXPLAINED)]))


def _lines(content: Content, metric: Metric) -> list[list[str]]:
    found = compare({one.name: one.values(metric, content.summary_region) for one in content.evaluations}, {})
    return [
        [
            f"{metric.heading}, {metric.sense}",
            pair["first"],
            pair["second"],
            str(pair["n"]),
            ("+" if pair["difference"] > 0 else "") + metric.written(pair["difference"]),
            interval_text(pair["interval"], metric),
            p_text(pair["p"]),
            p_text(pair["p_holm"]),
        ]
        for pair in found
    ]


def p_text(p: float) -> str:
    """Returns a p value with three decimals."""
    return "< 0.001" if p < 0.0005 else f"{p:.3f}"
