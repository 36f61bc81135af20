"""Image, truth and predictions of a case, on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from segpeft.data.label_schemes import LabelScheme, label_scheme
from segpeft.engines.metrics import voxel_spacing
from segpeft.engines.outputs import volume_name
from segpeft.errors import InputError

from .evaluation import Evaluation
from .volumes import read_channel, read_regions


@dataclass(frozen=True)
class CaseVolumes:
    """A case in RAS.

    Attributes:
        image: one channel, (H, W, D).
        truth: masks (R, H, W, D), bool.
        predictions: such masks by evaluation, or a line that says why there are none.
        spacing: voxel size in mm.
        regions: names, in the order of the masks.
    """

    image: Tensor
    truth: Tensor
    predictions: Mapping[str, Tensor | str]
    spacing: tuple[float, ...]
    regions: Sequence[str]


def read_case(case: str, evaluations: Sequence[Evaluation], channel: int) -> CaseVolumes:
    """Reads a case of one or more evaluations; image and truth are those that the first record names.

    Args:
        case: its id.
        evaluations: whose predictions to read.
        channel: index of the image's channel.

    Raises:
        InputError: no record names the case, or image or truth cannot be read.
    """
    evaluation = next((one for one in evaluations if case in one.record.cases), None)
    if evaluation is None:
        raise InputError("no record.json names the files of this case")
    files, scheme = evaluation.record.cases[case], _scheme(evaluation)
    if files.label is None or not files.images:
        raise InputError("record.json names no image, or no label, of this case")
    truth, grid = read_regions(files.label, scheme)
    predictions: dict[str, Tensor | str] = {}
    for one in evaluations:
        path = prediction_path(one, case)
        try:
            predictions[one.name] = read_regions(str(path), scheme, grid)[0]
        except InputError as error:
            predictions[one.name] = str(error) if path.is_file() else f"no file labels/{path.name}"
    image = read_channel(files.images, channel, grid)
    return CaseVolumes(image, truth, predictions, voxel_spacing(grid), scheme.region_names)


def prediction_path(evaluation: Evaluation, case: str) -> Path:
    """Returns where an evaluation writes the label map of a case."""
    return evaluation.folder / "labels" / f"{volume_name(case)}.nii.gz"


def _scheme(evaluation: Evaluation) -> LabelScheme:
    """Returns the label scheme that the config names; nothing in it is evaluated."""
    named = evaluation.record.config.get("label_scheme")
    if isinstance(named, Mapping):
        return label_scheme({key: value for key, value in named.items() if not key.startswith("_")})
    return label_scheme(str(named))
