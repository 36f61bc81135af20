"""Everything that a page tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segpeft.engines.case_table import ALL

from .evaluation import Evaluation, read_evaluation, shared_metrics, shared_regions
from .metrics import Metric
from .naming import names_of
from .training import Training, find_training, read_training


@dataclass(frozen=True)
class Content:
    """What the sections of a page are made of.

    Attributes:
        evaluations: one, or several to compare.
        metrics: that all of them have; the first one decides which cases are shown.
        regions: names, and at last ``mean`` where there are several.
        trainings: by evaluation, None where none was found.
        channel: index of the image's channel that is shown.
    """

    evaluations: Sequence[Evaluation]
    metrics: Sequence[Metric]
    regions: Sequence[str]
    trainings: Mapping[str, Training | None]
    channel: int

    @property
    def several(self) -> bool:
        """Whether evaluations are compared."""
        return len(self.evaluations) > 1

    @property
    def names(self) -> list[str]:
        """Of the evaluations."""
        return [evaluation.name for evaluation in self.evaluations]

    @property
    def summary_region(self) -> str:
        """The mean of the regions, or the only one."""
        return self.regions[-1]

    def region_title(self, region: str) -> str:
        """Returns what a region is called on the page."""
        return "mean of regions" if region == ALL and region == self.regions[-1] and len(self.regions) > 1 else region

    def colour(self, region: str) -> str:
        """Returns the class of the style sheet that has a region's colour and dash."""
        is_mean = region == ALL and len(self.regions) > 1
        return "mean-of-regions" if is_mean or region not in self.regions else f"r{self.regions.index(region)}"


def read_content(
    folders: Sequence[Path], names: Sequence[str] = (), trainings: Sequence[Path] = (), channel: int = 0
) -> Content:
    """Reads the evaluations and their trainings.

    Args:
        folders: of the evaluations.
        names: of the evaluations, or none.
        trainings: folders of their trainings in the same order, or none: they are looked for beside the evaluations.
        channel: index of the image's channel to show.

    Raises:
        InputError: a folder is not what is expected, or the evaluations do not fit together.
    """
    evaluations = [
        read_evaluation(folder, name) for folder, name in zip(folders, names_of(folders, names), strict=True)
    ]
    found: Sequence[Path | None] = trainings or [find_training(evaluation) for evaluation in evaluations]
    return Content(
        evaluations,
        shared_metrics(evaluations),
        shared_regions(evaluations),
        {one.name: read_training(folder) if folder else None for one, folder in zip(evaluations, found, strict=True)},
        channel,
    )
