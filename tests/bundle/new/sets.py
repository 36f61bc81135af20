"""Tiny data sets as people have them: a Decathlon folder, case folders with two channels, CT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segpeft.data.phantoms.__main__ import main as write_phantoms
from tests.bundles.runs import save_volume
from tests.bundles.zones import write_zones

SHAPE = (18, 26, 17)
NAMES = {"0": "background", "1": "Anterior", "2": "Posterior"}


def write_hippocampi(root: Path, cases: int = 6, **said: Any) -> Path:
    """Cropped MR with two ends of one structure, as MSD Task04; `said` goes into `dataset.json`."""
    entries = []
    for index in range(cases):
        random = np.random.default_rng(index)
        shape = np.array(SHAPE) + random.integers(0, 3, 3)
        x, y, z = np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij")
        body = (x / 5) ** 2 + (y / 9) ** 2 + (z / 5) ** 2 < 1
        label = np.where(body, np.where(y > 0, 1, 2), 0).astype(np.uint8)
        image = (100 + 40 * body + random.normal(0, 10, shape)).astype(np.float32)
        name = f"case_{index:03d}.nii.gz"
        save_volume(root / "imagesTr" / name, image, np.eye(4))
        save_volume(root / "labelsTr" / name, label, np.eye(4))
        entries.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    content: Mapping[str, Any] = {"name": "Hippocampus", "modality": {"0": "MRI"}, "labels": NAMES, **said}
    (root / "dataset.json").write_text(json.dumps({**content, "training": entries}), encoding="utf-8")
    return root


def write_prostates(root: Path, cases: int = 6) -> Path:
    """T2 and ADC on grids of their own, a folder a case."""
    return write_zones(root, cases)


def write_kidneys(root: Path, cases: int = 4) -> Path:
    """Abdominal CT as KiTS19 has it, slices first."""
    shape = ["--shape", "44", "44", "24"]
    assert write_phantoms(["abdomen", "--cases", str(cases), *shape, "--out", str(root)]) == 0
    return root


WRITERS = {"hippocampus": write_hippocampi, "prostate": write_prostates, "kidneys": write_kidneys}
