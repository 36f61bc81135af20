"""The demonstration's picture: every unseen case with truth and prediction."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import nibabel
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.patches import Patch

from segpeft.data.label_schemes import label_scheme
from segpeft.data.regions import labels_to_regions
from segpeft.engines.pictures import COLOURS, side_by_side

SCHEME = label_scheme("msd")
FLAIR, T1GD = 0, 2


def save_picture(out: Path) -> Path:
    """Draws FLAIR, T1gd, truth and prediction of the unseen cases, one a row, into ``<out>/demo.png``."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    cases = sorted((out / "data" / "unseen" / "imagesTr").glob("*.nii.gz"))
    figure, axes = pyplot.subplots(len(cases), 4, figsize=(9, 2.4 * len(cases)), squeeze=False)
    for row, path in zip(axes, cases, strict=True):
        truth = out / "data" / "unseen" / "labelsTr" / path.name
        pred = out / "inference" / path.name.replace(".nii.gz", "_seg.nii.gz")
        for axis, panel in zip(row, _panels(path, truth, pred), strict=True):
            axis.imshow(panel)
            axis.set_axis_off()
        row[0].set_title(path.name.removesuffix(".nii.gz"), fontsize=8, loc="left")
    for axis, title in zip(axes[0], ("FLAIR", "T1gd", "truth", "prediction"), strict=True):
        axis.set_title(title, fontsize=10)
    names = dict(zip(SCHEME.region_names, COLOURS, strict=False))
    handles = [Patch(color=f"#{bytes(colour).hex()}", label=name) for name, colour in names.items()]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    target = out / "demo.png"
    figure.savefig(target, dpi=150)
    pyplot.close(figure)
    return target


def _panels(image: Path, truth: Path, pred: Path) -> list[npt.NDArray[np.uint8]]:
    volume = _read(image).movedim(-1, 0)  # (C, H, W, D)
    true, predicted = (labels_to_regions(_read(path)[None], SCHEME, str(path)) for path in (truth, pred))
    flair = np.split(side_by_side(volume, true, predicted, FLAIR), 3, axis=1)
    t1gd = np.split(side_by_side(volume, true, predicted, T1GD), 3, axis=1)
    return [flair[0], *t1gd]


def _read(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj, dtype=np.float32))
