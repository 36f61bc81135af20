"""The curves of the trainings."""

from __future__ import annotations

from ..content import Content
from ..html import Html, joined, tag
from ..line_chart import Curve, line_chart
from ..metrics import Metric
from ..training import Training
from .section import Section


def training(content: Content) -> Section:
    """Returns loss, learning rate and validation of each training, on the same axes."""
    known = {name: found for name, found in content.trainings.items() if found is not None}
    blocks = [_block(content, name, found, list(known.values())) for name, found in known.items()]
    return Section("training", "Training", joined(blocks))


def _block(content: Content, name: str, found: Training, all_of_them: list[Training]) -> Html:
    charts = [
        _single("Training loss", "step", "train/loss", found, all_of_them),
        *(_validation(content, metric, found, all_of_them) for metric in content.metrics),
        _single("Learning rate", "step", "train/learning_rate", found, all_of_them),
    ]
    heading = tag("h3", name) if content.several else Html()
    return tag("div", heading, tag("div", charts, class_="figures"), class_="case")


def _single(title: str, across: str, name: str, found: Training, all_of_them: list[Training]) -> Html:
    points = found.scalars.get(name)
    if not points:
        return Html()
    chart = line_chart(title, across, [Curve(title, "mean-of-regions", points)], _range(all_of_them, [name]))
    return tag("figure", tag("figcaption", title), chart)


def _validation(content: Content, metric: Metric, found: Training, all_of_them: list[Training]) -> Html:
    several = len(content.regions) > 1
    tags = {region: f"validation/{metric.name}_{region}" for region in content.evaluations[0].regions}
    names = {**tags, **({content.summary_region: f"validation/{metric.name}"} if several else {})}
    curves = [
        Curve(content.region_title(region), content.colour(region), found.scalars[name])
        for region, name in names.items()
        if found.scalars.get(name)
    ]
    if not curves:
        return Html()
    title = f"Validation {metric.heading}"
    chart = line_chart(title, "epoch", curves, _range(all_of_them, list(names.values())))
    return tag("figure", tag("figcaption", title, _key(curves)), chart)


def _key(curves: list[Curve]) -> Html:
    def sample(curve: Curve) -> Html:
        line = tag("path", d="M2 5H26", class_=f"curve {curve.colour}")
        return tag("svg", line, viewBox="0 0 28 10", class_="sample", aria_hidden="true")

    return tag("ul", [tag("li", sample(curve), curve.label) for curve in curves], class_="legend")


def _range(trainings: list[Training], names: list[str]) -> tuple[float, float] | None:
    values = [value for one in trainings for name in names for _, value in one.scalars.get(name, ())]
    return (min(values), max(values)) if values else None
