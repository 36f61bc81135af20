"""Every case and region, to sort."""

from __future__ import annotations

from collections.abc import Sequence

from segpeft.bundle.case_scores import CaseRow

from ..content import Content
from ..html import Html, joined, tag
from ..metrics import Metric
from ..tables import scrolling
from .section import Section

RULES = {
    "both_empty": "Neither truth nor prediction has the region: Dice 1, HD95 0.",
    "missed": "The truth has the region, the prediction does not: Dice 0, HD95 the distance set for it.",
    "false_positive": "The prediction has the region, the truth does not: Dice 0, HD95 the distance set for it.",
}
Key = tuple[str, str]
"""Case and region."""


def cases(content: Content) -> Section:
    """Returns a table with a line a case and region, and what its column of rules means."""
    rows = {one.name: {(row.case, row.region): row for row in one.rows} for one in content.evaluations}
    keys = [
        (case, region)
        for case in sorted({case for found in rows.values() for case, _ in found})
        for region in content.evaluations[0].regions
    ]
    keys = [key for key in keys if any(key in found for found in rows.values())]
    ruled = [rule for rule in RULES if any(row.policy == rule for found in rows.values() for row in found.values())]
    columns = [rows[name] for name in content.names]
    body = (tag("tr", _cells(content, key, [found.get(key) for found in columns])) for key in keys)
    caption = f"Cases and regions: {len(keys)} lines"
    made = tag(
        "table", tag("caption", caption), tag("thead", tag("tr", _head(content))), tag("tbody", body), class_="sortable"
    )
    return Section("cases", "Cases", joined([scrolling(made, caption, "scroll long"), _explained(ruled)]))


def _head(content: Content) -> list[Html]:
    heads = [("case", "case", False), ("region", "region", False)]
    for metric in content.metrics:
        for number, name in enumerate(content.names, 1):
            key = f"{metric.name}-{number}" if content.several else metric.name
            heads.append((key, f"{metric.heading} {name}" if content.several else metric.heading, True))
    heads.append(("truth", "truth (voxels)", True))
    heads += [("predicted", "predicted (voxels)", True)] if not content.several else []
    heads.append(("rule", "rule", False))
    return [
        tag("th", title, scope="col", data_key=key, class_="number" if numeric else None)
        for key, title, numeric in heads
    ]


def _cells(content: Content, key: Key, rows: Sequence[CaseRow | None]) -> list[Html]:
    case, region = key
    values = [_value(metric, row) for metric in content.metrics for row in rows]
    there = [row for row in rows if row is not None]
    sizes = [there[0].truth_voxels, *([] if content.several else [there[0].pred_voxels])]
    values += ["–" if size is None else str(size) for size in sizes]
    return [
        tag("th", case, scope="row"),
        tag("td", region),
        *(tag("td", value) for value in values),
        tag("td", _rule(content, rows)),
    ]


def _value(metric: Metric, row: CaseRow | None) -> str:
    return metric.written(row.values[metric.name] if row is not None else None)


def _rule(content: Content, rows: Sequence[CaseRow | None]) -> str:
    found = [
        (name, row.policy) for name, row in zip(content.names, rows, strict=True) if row is not None and row.policy
    ]
    return "; ".join(f"{name}: {rule}" if content.several else rule for name, rule in found).replace("_", " ")


def _explained(rules: Sequence[str]) -> Html:
    if not rules:
        return tag("p", "The column rule is empty: in every case truth and prediction have every region.")
    lines = [(tag("dt", rule.replace("_", " ")), tag("dd", RULES[rule])) for rule in rules]
    return joined([tag("p", "What the rules for empty regions say:"), tag("dl", lines)])
