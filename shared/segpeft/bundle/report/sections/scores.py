"""Means with their intervals, and box plots."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median, stdev

from segpeft.bundle.statistics import bootstrap_interval

from ..box_plot import Box, box_plot
from ..content import Content
from ..evaluation import Evaluation
from ..html import Html, joined, tag
from ..metrics import Metric
from ..tables import table
from .cost import trained_share
from .section import Section


def scores(content: Content) -> Section:
    """Returns headline figures, a table of means and a box plot a metric."""
    plots = [tag("figure", tag("figcaption", metric.title), _plot(content, metric)) for metric in content.metrics]
    body = [tag("div", _headlines(content), class_="tiles"), _means(content), tag("div", plots, class_="figures")]
    return Section("scores", "Scores", joined(body))


def interval_text(interval: tuple[float, float] | None, metric: Metric) -> str:
    """Returns both ends of an interval as text, a dash without one."""
    return "–" if interval is None else f"{metric.written(interval[0])} to {metric.written(interval[1])}"


def _headlines(content: Content) -> list[Html]:
    metrics = content.metrics[:1] if content.several else content.metrics
    tiles = [_headline(content, one, metric) for one in content.evaluations for metric in metrics]
    return tiles if content.several else [*tiles, _trained(content.evaluations[0])]


def _headline(content: Content, evaluation: Evaluation, metric: Metric) -> Html:
    values = list(evaluation.values(metric, content.summary_region).values())
    of = content.region_title(content.summary_region)
    what = f"{metric.heading}, {of}"
    interval = bootstrap_interval(values)
    detail = f"95 % interval {interval_text(interval, metric)}, n = {len(values)}" if interval else f"n = {len(values)}"
    mean = metric.written(fmean(values) if values else None)
    return _tile(evaluation.name, mean, what, detail) if content.several else _tile(what, mean, detail)


def _trained(evaluation: Evaluation) -> Html:
    share, parameters = trained_share(evaluation.run), evaluation.run.get("parameters") or {}
    if share is None:
        return Html()
    return _tile("Trained parameters", share, f"{parameters['trainable']:,} of {parameters['total']:,}")


def _tile(what: str, value: str, *details: str) -> Html:
    lines = [tag("p", detail, class_="detail") for detail in details]
    return tag("div", tag("p", what, class_="what"), tag("p", value, class_="value"), lines, class_="tile")


def _means(content: Content) -> Html:
    names = ["region", *(["evaluation"] if content.several else [])]
    head = [*names, "n", *(["mean", "95 % interval", "SD", "median"] * len(content.metrics))]
    groups = [("", len(names) + 1), *((metric.heading, 4) for metric in content.metrics)]
    lines = [_line(content, region, evaluation) for region in content.regions for evaluation in content.evaluations]
    return table("Over cases", head, lines, len(names), groups)


def _line(content: Content, region: str, evaluation: Evaluation) -> list[str]:
    columns = [list(evaluation.values(metric, region).values()) for metric in content.metrics]
    counts = "/".join(dict.fromkeys(str(len(values)) for values in columns))
    name = [evaluation.name] if content.several else []
    cells = [cell for metric, values in zip(content.metrics, columns, strict=True) for cell in _cells(metric, values)]
    return [content.region_title(region), *name, counts, *cells]


def _cells(metric: Metric, values: Sequence[float]) -> list[str]:
    return [
        metric.written(fmean(values) if values else None),
        interval_text(bootstrap_interval(values), metric),
        metric.written(stdev(values) if len(values) > 1 else None),
        metric.written(median(values) if values else None),
    ]


def _plot(content: Content, metric: Metric) -> Html:
    return box_plot(metric, [_box(content, metric, r, e) for r in content.regions for e in content.evaluations])


def _box(content: Content, metric: Metric, region: str, evaluation: Evaluation) -> Box:
    values = evaluation.values(metric, region)
    ruled = {row.case for row in evaluation.rows if row.policy and row.region == region}
    mean = metric.written(fmean(values.values()) if values else None)
    title, first = content.region_title(region), evaluation is content.evaluations[0]
    return Box(
        evaluation.name if content.several else title,
        f"mean {mean}, n = {len(values)}",
        content.colour(region),
        values,
        ruled,
        title if content.several and first else None,
    )
