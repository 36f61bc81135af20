"""Slices of some cases, with the outlines of truth and predictions."""

from __future__ import annotations

from collections.abc import Sequence

from segpeft.errors import InputError

from ..case_volumes import read_case
from ..content import Content
from ..html import Html, joined, tag
from ..metrics import Metric
from ..panel import legend, panels
from ..selection import Chosen, chosen_cases
from ..view import View, view_of
from .section import Section


def slices(content: Content) -> Section:
    """Returns the best, the median and the worst case."""
    chosen = chosen_cases(content.evaluations, content.metrics[0], content.summary_region)
    if not chosen:
        return Section("slices", "Slices", tag("p", "No case is in every evaluation, so none is shown."))
    blocks = [_block(content, number, one) for number, one in enumerate(chosen)]
    return Section("slices", "Slices", joined([_lead(content), legend(content), *blocks]))


def _lead(content: Content) -> Html:
    metric, of = content.metrics[0], content.region_title(content.summary_region)
    mean = ", mean of the evaluations" if content.several else ""
    return tag("p", f"Cases are chosen by {metric.title} ({of}{mean}). Shown is the slice with the most truth.")


def _block(content: Content, number: int, chosen: Chosen) -> Html:
    metric = content.metrics[0]
    said = [
        f"{name} {metric.written(v)}" if content.several else metric.written(v) for name, v in chosen.values.items()
    ]
    heading = tag("h3", f"{chosen.title}: ", tag("span", chosen.case, class_="case-id"))
    score = f"{metric.heading}, {content.region_title(content.summary_region)}: {'; '.join(said)}"
    try:
        view = view_of(read_case(chosen.case, content.evaluations, content.channel))
    except InputError as error:
        return tag("div", heading, tag("p", score), tag("p", f"No picture: {error}", class_="missing"), class_="case")
    where = f"{view.plane.name} slice {view.index + 1} of {view.count}"
    captions = [_caption(content, metric, name, chosen.case, view) for name in content.names]
    drawn = panels(content, view, f"slice-{number}", captions, chosen.case)
    return tag("div", heading, tag("p", f"{score}. {where[0].upper()}{where[1:]}."), drawn, class_="case")


def _caption(content: Content, metric: Metric, name: str, case: str, view: View) -> Sequence[Html]:
    evaluation = next(one for one in content.evaluations if one.name == name)
    found = [(region, evaluation.values(metric, region).get(case)) for region in view.regions]
    scores = ", ".join(f"{region} {metric.written(value)}" for region, value in found)
    title = name if content.several else "Truth and prediction"
    return [tag("strong", title), tag("span", f"{metric.title}: {scores}")]
