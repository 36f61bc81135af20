"""Whether a served label map is right: its grid, its agreement with the truth, and with the bundle's own inference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from segpeft.bundle.command import bundle_command
from segpeft.bundle.process import last_line, run_logged
from segpeft.errors import InputError

from .studies import Study

AFFINE_MM = 1e-3
"""By how much an affine may differ: a file holds it as quaternions of single precision."""

FLIP_LOSS = 0.05
"""By how much a label must be worse when it is flipped along any axis: otherwise it says nothing about orientation."""


def whole_dice(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Returns the Dice of everything that is labelled."""
    return float(2 * np.sum((ours > 0) & (theirs > 0)) / max(np.sum(ours > 0) + np.sum(theirs > 0), 1))


def check_answer(answer: Path, study: Study, least_dice: float, flip_loss: float = FLIP_LOSS) -> dict[str, Any]:
    """Returns what an answer scores.

    Args:
        answer: the label map that the server gave.
        study: for which image.
        least_dice: below it the answer counts as wrong.
        flip_loss: how much worse it has to be when it is flipped along any axis.

    Raises:
        InputError: another grid or type of voxels, too low a Dice, or a Dice that is about as good when the answer is
            flipped.
    """
    found: Any = nibabel.load(answer)
    image: Any = nibabel.load(study.images[0])
    voxels, truth = np.asarray(found.dataobj), np.asarray(nibabel.load(study.label).dataobj)
    off = float(np.abs(found.affine - image.affine).max())
    if found.shape != image.shape[:3] or off > AFFINE_MM or voxels.dtype != np.uint8:
        raise InputError(
            f"{study.name}: the answer is {voxels.dtype} of {found.shape}, its affine off by {off:g}; expected uint8 "
            f"of {image.shape[:3]} in the same place"
        )
    dice = whole_dice(voxels, truth)
    flipped = [whole_dice(np.flip(voxels, axis), truth) for axis in range(3)]
    if dice < least_dice or dice - max(flipped) < flip_loss:
        raise InputError(
            f"{study.name}: Dice {dice:.3f}, flipped along an axis {max(flipped):.3f}; expected at least {least_dice} "
            f"and {flip_loss} more than flipped"
        )
    return {"study": study.name, "dice": dice, "flipped": flipped, "affine_off": off, "shape": list(found.shape)}


def own_inference(bundle: Path, studies: Sequence[Study], work: Path) -> dict[str, Path]:
    """Returns the label maps that the bundle's ``inference.json`` makes by MONAI's runner, by study.

    Raises:
        InputError: the run fails.
    """
    listed = work / "own" / f"{bundle.name}.json"
    out = work / "own" / bundle.name
    listed.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"image": [str(path) for path in study.images], "case": study.name} for study in studies]
    listed.write_text(json.dumps({"test": entries}), encoding="utf-8")
    log = work / "logs" / f"{bundle.name}_inference.log"
    if run_logged(bundle_command("run", ["inference.json"], {"dataset_dir": listed, "output_dir": out}), bundle, log):
        raise InputError(f"inference of {bundle.name} failed: {last_line(log)} (all of it in {log})")
    return {study.name: out / f"{study.name}_seg.nii.gz" for study in studies}


def differing_voxels(one: Path, other: Path) -> int:
    """Returns how many voxels two label maps do not have in common, all of them where their shapes differ."""
    first, second = (np.asarray(nibabel.load(path).dataobj) for path in (one, other))
    return int(np.sum(first != second)) if first.shape == second.shape else int(first.size)
