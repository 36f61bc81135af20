"""From logits to files on the grid of the input."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import NibabelWriter
from monai.transforms import Activationsd, Compose, CopyItemsd, Invertd, InvertibleTransform, SaveImaged

from segpeft.atomic_files import replacing
from segpeft.data.label_schemes import LabelScheme
from segpeft.data.regions import RegionsToLabeld

from .ensemble_uncertainty import MEASURES, EnsembleMeand

PROBABILITIES = "probabilities"


class AtomicNibabelWriter(NibabelWriter):
    """MONAI's NIfTI writer, with files that are there whole or not at all; one channel makes a 3D file of any shape."""

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **kwargs: Any) -> None:
        """Writes ``filename``; see ``monai.data.NibabelWriter``."""
        volume: Any = self.data_obj
        if volume.ndim == 4 and volume.shape[-1] == 1:  # the channel alone: MONAI would squeeze spatial axes as well
            self.data_obj = volume[..., 0]
        with replacing(filename) as partial:
            super().write(os.fspath(partial), verbose=verbose, **kwargs)


class SaveVolumed(SaveImaged):
    """Saves volumes as NIfTI under the name of their case, each file written whole or not at all.

    A ``SaveImaged``, which MONAI Label knows and takes away where it saves results itself.

    Args:
        keys: of the volumes to save, (C, H, W, D); one channel gives a 3D file, more give a 4D file.
        output_dir: where to; made when the first file is written.
        output_postfix: the file is ``<case>_<output_postfix>.nii.gz``; without ``case`` in the data it is named after
            the input file.
        output_dtype: of the values in the file, a numpy type or its name.
        allow_missing_keys: pass over keys that a case does not have.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | os.PathLike[str],
        output_postfix: str = "seg",
        output_dtype: Any = "uint8",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(
            keys,
            output_dir=os.fspath(output_dir),
            output_postfix=output_postfix,
            output_dtype=np.dtype(output_dtype).type,
            resample=False,
            squeeze_end_dims=False,
            separate_folder=False,
            print_log=False,
            writer=AtomicNibabelWriter,
            allow_missing_keys=allow_missing_keys,
        )
        self.output_dir = Path(output_dir)
        self.output_postfix = output_postfix

    def __call__(self, data: Mapping[Any, Any]) -> dict[Any, Any]:
        """Saves and returns the data unchanged."""
        d = dict(data)
        for key in self.key_iterator(d):
            self.saver(d[key].detach().cpu(), filename=self._filename(d))
        return d

    def _filename(self, data: Mapping[Any, Any]) -> Path | None:
        if not data.get("case"):
            return None
        return self.output_dir / volume_name(str(data["case"]), self.output_postfix)


def volume_name(case: str, postfix: str = "seg") -> str:
    """Returns the name of a case's file without its ending; what a file's name can't hold becomes ``_``."""
    name = re.sub(r"[^\w.+-]+", "_", case)
    return f"{name}_{postfix}"


def postprocessing(
    preprocessing: InvertibleTransform,
    label_scheme: str | LabelScheme | Mapping[str, Any],
    output_dir: str | os.PathLike[str] | None,
    save_probabilities: bool = False,
    threshold: float = 0.5,
    output_postfix: str = "seg",
    keep_probabilities: bool = False,
    members: int = 0,
    save_uncertainty: bool = False,
    min_voxels: Mapping[str, int] | None = None,
) -> Compose:
    """Returns what turns logits (R, H, W, D) into a uint8 label map (1, H, W, D) on the input's own grid, and saves it.

    Sigmoid, [the mean of an ensemble], the inverse of ``preprocessing`` (linear interpolation of probabilities),
    optionally saving or keeping these, regions to the values of the data's label scheme, saving.

    Args:
        preprocessing: the transform that ``image`` went through.
        label_scheme: name or description of the scheme.
        output_dir: where files go; None saves none.
        save_probabilities: also write ``<case>_probabilities.nii.gz``, float32, one volume a region.
        threshold: a voxel with a larger probability belongs to the region.
        output_postfix: of the label map, ``<case>_<output_postfix>.nii.gz``.
        keep_probabilities: leave them in the data under ``probabilities``.
        members: of an ensemble, whose logits (members * R, H, W, D) are averaged as probabilities; below 2: none.
        save_uncertainty: also write the measures of an ensemble, ``<case>_entropy.nii.gz`` and so on
            (:func:`~segpeft.engines.ensemble_uncertainty.uncertainty`), float32, one volume a region.
        min_voxels: the fewest voxels of a region, see :class:`~segpeft.data.regions.RegionsToLabeld`.
    """
    maps = list(MEASURES) if members > 1 and save_uncertainty and output_dir is not None else []
    keys, mean = ["pred", *maps], [EnsembleMeand("pred", members)] if members > 1 else []
    steps: list[Any] = [
        Activationsd(keys="pred", sigmoid=True),
        *mean,
        Invertd(keys=keys, transform=preprocessing, orig_keys="image", nearest_interp=False, to_tensor=True),
        *(SaveVolumed(name, str(output_dir), name, "float32") for name in maps),
    ]
    if save_probabilities and output_dir is not None:
        steps.append(SaveVolumed("pred", output_dir, PROBABILITIES, "float32"))
    if keep_probabilities:
        steps.append(CopyItemsd(keys="pred", names=PROBABILITIES))
    steps.append(RegionsToLabeld("pred", label_scheme, threshold, min_voxels))
    if output_dir is not None:
        steps.append(SaveVolumed("pred", output_dir, output_postfix, "uint8"))
    return Compose(steps)
