"""A data set of brain phantoms with a CT beside the four MR channels, and the ten faults in ten of its cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from segpeft.data.phantoms.brain import PHANTOM
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.nifti_files import write_nifti
from segpeft.data.phantoms.settings import Settings
from segpeft.finding import NOTE, Finding

from .faults import FAULTS

CASES = 22
SHAPE = (48, 48, 48)
BRAIN_HU, AIR_HU = (15, 45), -1000
T1W = 1


def plant(folder: Path) -> None:
    """Writes the set: the last case as a clean test case, then one fault in each of the first ten."""
    list(write_dataset(PHANTOM, folder, Settings(cases=CASES, shape=SHAPE)))
    names = [f"{PHANTOM.file_prefix}_{index + 1:03d}.nii.gz" for index in range(CASES)]
    for index, name in enumerate(names):
        _add_ct(folder / "imagesTr" / name, index)
    (folder / "imagesTs").mkdir()
    (folder / "imagesTr" / names[-1]).rename(folder / "imagesTs" / names[-1])
    (folder / "labelsTr" / names[-1]).unlink()
    for fault, name in zip(FAULTS, names, strict=False):
        fault.plant((folder / "imagesTr" / name, folder / "labelsTr" / name))
    _list(folder, names[:-1])


def _add_ct(path: Path, seed: int) -> None:
    """Adds a CT whose grey values follow T1w as far as those of a brain do, with noise."""
    image = nibabel.Nifti1Image.from_filename(path)
    voxels = np.array(image.dataobj)
    inside, t1 = (voxels != 0).any(axis=-1), voxels[..., T1W].astype(np.float32)
    low, high = BRAIN_HU
    noise = np.random.default_rng(seed).normal(0, 4, t1.shape)
    scaled = low + (high - low) * np.clip(t1 / np.percentile(t1[inside], 99), 0, 1) + noise
    ct = np.where(inside, scaled, AIR_HU).round().astype(np.int16)
    write_nifti(path, np.concatenate([voxels, ct[..., None]], axis=-1), np.array(image.affine))


def _list(folder: Path, training: Sequence[str]) -> None:
    record = folder / "dataset.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    content["modality"][str(len(content["modality"]))] = "CT"
    content["training"] = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in training]
    content["test"] = [f"./imagesTs/{path.name}" for path in sorted((folder / "imagesTs").iterdir())]
    record.write_text(json.dumps(content, indent=2), encoding="utf-8")


def judged(findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns which faults were found in their cases, and what else was claimed."""
    claims = [finding for finding in findings if finding.severity > NOTE]
    wanted = {f"{PHANTOM.file_prefix}_{index + 1:03d}": fault for index, fault in enumerate(FAULTS)}
    rows = []
    for case, fault in wanted.items():
        said = next((claim.text for claim in claims if case in _cases(claim) and claim.check == fault.check), None)
        rows.append({"fault": fault.name, "case": case, "found": said is not None, "said": said})
    return {
        "faults": rows,
        "other claims": [
            f"{claim.check}: {claim.subject}: {claim.text}"
            for claim in claims
            if not any(case in _cases(claim) and fault.check == claim.check for case, fault in wanted.items())
        ],
    }


def _cases(claim: Finding) -> str:
    """Returns where a claim names cases: a duplicate names both of them in its text."""
    return claim.text if claim.check == "duplicates" else claim.subject
