"""Dice and HD95 as metrics of an engine."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from ignite.engine import Engine
from ignite.metrics import Metric
from torch import Tensor

from segpeft.data.label_schemes import LabelScheme
from segpeft.data.label_schemes import label_scheme as resolve_scheme
from segpeft.data.regions import labels_to_regions
from segpeft.errors import InputError

from .batches import plain
from .distributed import gather_items, is_main
from .metrics import BRATS_MISSING_MM, missing_distance, region_dice, region_hd95, voxel_spacing

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseScores:
    """The values of one case, one entry a region.

    Args:
        case: its id.
        values: of the metric.
        truth_voxels: size of the true region.
        pred_voxels: size of the predicted one.
    """

    case: str
    values: tuple[float, ...]
    truth_voxels: tuple[int, ...]
    pred_voxels: tuple[int, ...]


@dataclass(frozen=True)
class RegionScores:
    """All cases of a run, as kept in ``engine.state.metric_details[name]``.

    Args:
        regions: names, in the order of the entries.
        cases: one entry a case, sorted by id.
    """

    regions: tuple[str, ...]
    cases: tuple[CaseScores, ...]

    def mean(self) -> dict[str, float]:
        """Returns the mean over cases by region; NaN without cases."""
        if not self.cases:
            return dict.fromkeys(self.regions, float("nan"))
        columns = zip(*(case.values for case in self.cases), strict=True)
        return {region: fmean(column) for region, column in zip(self.regions, columns, strict=True)}


class RegionMetric(Metric):
    """Base of metrics with one value a case and region.

    After an epoch ``engine.state.metrics`` holds the overall mean under the metric's name (a number, fit to be the key
    metric), the mean of each region under ``<name>_<region>``, and the number of cases under ``cases``. Cases of all
    processes are gathered on every one; a case that a sampler gave to two processes counts once.

    Prediction and label are masks or probabilities (R, H, W, D), or label maps (1, H, W, D) of the scheme.

    Args:
        label_scheme: name or description of the scheme whose regions are measured.
        pred_key: of the prediction in the engine's output.
        label_key: of the label.
        threshold: a voxel with a larger probability is predicted.
    """

    required_output_keys = None

    def __init__(
        self,
        label_scheme: str | LabelScheme | Mapping[str, Any],
        pred_key: str = "pred",
        label_key: str = "label",
        threshold: float = 0.5,
    ) -> None:
        self.scheme = resolve_scheme(label_scheme)
        self.pred_key, self.label_key, self.threshold = pred_key, label_key, threshold
        self.cases: list[CaseScores] = []
        super().__init__()

    def score(self, pred: Tensor, truth: Tensor, spacing: Sequence[float]) -> list[float]:
        """Returns the values of one case from bool masks (R, H, W, D) and the voxel size in mm."""
        raise NotImplementedError

    def values(self, pred: Tensor, pred_mask: Tensor, truth: Tensor, spacing: Sequence[float]) -> list[float]:
        """Returns the values of one case: of its masks, where a metric does not need the prediction as it is."""
        return self.score(pred_mask, truth, spacing)

    def reset(self) -> None:
        """Forgets all cases."""
        self.cases = []

    def update(self, output: tuple[str, Tensor, Tensor | None]) -> None:
        """Adds one case: its id, prediction and label.

        Raises:
            InputError: if the case has no label, or its shapes differ.
        """
        case, pred, label = output
        if not isinstance(label, Tensor):
            raise InputError(f"case {case}: has no label, expected one to compare with")
        if pred.shape[1:] != label.shape[1:]:
            shapes = f"{tuple(pred.shape[1:])}, its label {tuple(label.shape[1:])}"
            raise InputError(f"case {case}: the prediction is {shapes}: expected the same grid")
        truth_mask, pred_mask = self._masks(label, case), self._masks(pred, case).to(label.device)
        values = self.values(plain(pred), pred_mask, truth_mask, voxel_spacing(label))
        self.cases.append(CaseScores(case, tuple(values), _sizes(truth_mask), _sizes(pred_mask)))

    def compute(self) -> RegionScores:
        """Returns the cases of all processes."""
        unique = {case.case: case for case in gather_items(self.cases)}
        return RegionScores(self.scheme.region_names, tuple(unique[name] for name in sorted(unique)))

    @torch.no_grad()
    def iteration_completed(self, engine: Engine) -> None:
        """Adds the cases of the engine's batch."""
        for item in _items(engine.state.output, engine.state.batch):
            self.update((_case_of(item, engine, len(self.cases)), item[self.pred_key], item.get(self.label_key)))

    def completed(self, engine: Engine, name: str) -> None:
        """Puts means and details into the engine's state, and logs them."""
        scores = self.compute()
        means = scores.mean()
        engine.state.metrics.update({f"{name}_{region}": value for region, value in means.items()})
        engine.state.metrics[name] = fmean(means.values())
        engine.state.metrics["cases"] = len(scores.cases)
        engine.state.metric_details[name] = scores  # type: ignore[attr-defined]
        parts = ", ".join(f"{region} {value:.4f}" for region, value in means.items())
        if is_main():
            logger.info("%s: mean %.4f (%s; n = %d)", name, engine.state.metrics[name], parts, len(scores.cases))

    def _masks(self, volume: Tensor, case: str) -> Tensor:
        regions = len(self.scheme.region_names)
        if volume.shape[0] == 1 and (regions > 1 or volume.max() > 1):  # a label map
            return labels_to_regions(plain(volume), self.scheme, f"case {case}") > 0.5
        if volume.shape[0] != regions:
            names = ", ".join(self.scheme.region_names)
            raise InputError(f"case {case}: has {volume.shape[0]} channels, expected one a region ({names})")
        return plain(volume) > self.threshold


class RegionDice(RegionMetric):
    """Dice of each region; see :mod:`segpeft.engines.metrics` for regions that are empty."""

    def score(self, pred: Tensor, truth: Tensor, spacing: Sequence[float]) -> list[float]:
        """Returns Dice by region."""
        return region_dice(pred, truth)


class RegionHD95(RegionMetric):
    """95th percentile Hausdorff distance of each region in mm, on the label's grid.

    Args:
        label_scheme: as in :class:`RegionMetric`.
        hd95_missing: distance in mm where one of truth and prediction is empty, or ``"diagonal"``.
        **options: of :class:`RegionMetric`.
    """

    def __init__(
        self,
        label_scheme: str | LabelScheme | Mapping[str, Any],
        hd95_missing: float | str = BRATS_MISSING_MM,
        **options: Any,
    ) -> None:
        missing_distance(hd95_missing, (1,), (1.0,))  # refuses a wrong value before the run
        self.hd95_missing = hd95_missing
        super().__init__(label_scheme, **options)

    def score(self, pred: Tensor, truth: Tensor, spacing: Sequence[float]) -> list[float]:
        """Returns HD95 by region."""
        return region_hd95(pred, truth, spacing, self.hd95_missing)


def _sizes(masks: Tensor) -> tuple[int, ...]:
    return tuple(int(size) for size in masks.flatten(1).sum(1))


def _items(output: Any, batch: Any) -> list[dict[str, Any]]:
    """Returns one dict a case from an engine's output and batch, decollated or not."""
    if isinstance(output, list):
        return [{**b, **o} for b, o in zip(batch, output, strict=True)]
    merged = {**batch, **output}
    count = len(output["image"])
    columns = {key: value for key, value in merged.items() if hasattr(value, "__len__") and len(value) == count}
    return [{key: column[index] for key, column in columns.items()} for index in range(count)]


def _case_of(item: dict[str, Any], engine: Engine, index: int) -> str:
    """Returns the case's id, or a number of its own where the data names none."""
    return str(item["case"]) if "case" in item else f"{getattr(engine.state, 'rank', 0)}-{index:05d}"
