"""Volumes that show their own label map, and a network that reads it off: results can be compared voxel by voxel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch

from tests.bundles.runs import save_volume

AIR, SOFT, KIDNEY, TUMOUR = -1000, 40, 150, 260
"""HU of what lies around the body, of the body, of label 1 and of label 2."""

TRAINED_MEAN, TRAINED_STD = 101, 76.9
READER = {"_target_": "torch.nn.Conv3d", "in_channels": 1, "out_channels": 2, "kernel_size": 1}
"""In place of the network: a voxel above 95 HU is kidney, above 205 HU tumour as well."""


def save_reader(path: Path) -> Path:
    """Writes the weights of `READER`."""
    limits = torch.tensor([(SOFT + KIDNEY) / 2, (KIDNEY + TUMOUR) / 2])
    bias = -(limits - TRAINED_MEAN) / TRAINED_STD
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weight": torch.ones(2, 1, 1, 1, 1) * 50, "bias": bias * 50}, path)
    return path


def reading(folder: Path) -> dict[str, Any]:
    """The knobs that put `READER` in place of the network."""
    return {"network_def": READER, "ckpt_path": save_reader(folder / "reader.pt")}


def painted(label: np.ndarray) -> np.ndarray:
    """A CT that shows `label`; a body fills the volume but for a margin of air."""
    volume = np.full(label.shape, AIR, dtype=np.int16)
    volume[tuple(slice(2, -2) if size > 8 else slice(None) for size in label.shape)] = SOFT
    volume[label == 1], volume[label == 2] = KIDNEY, TUMOUR
    return volume


def write_kits_case(folder: Path, label: np.ndarray, affine: np.ndarray, shown: np.ndarray | None = None) -> None:
    """Writes a case as KiTS19 has it; the image shows `shown`, by default the label."""
    save_volume(folder / "imaging.nii.gz", painted(label if shown is None else shown), affine)
    save_volume(folder / "segmentation.nii.gz", label, affine)


def write_msd_set(folder: Path, cases: list[tuple[np.ndarray, np.ndarray]], modality: str) -> Path:
    """Writes label maps and the images that show them in the layout of the Decathlon."""
    entries = []
    for index, (label, affine) in enumerate(cases):
        name = f"case_{index}.nii.gz"
        save_volume(folder / "imagesTr" / name, painted(label), affine)
        save_volume(folder / "labelsTr" / name, label, affine)
        entries.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    (folder / "dataset.json").write_text(json.dumps({"modality": {"0": modality}, "training": entries}))
    return folder


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine of a file."""
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine
