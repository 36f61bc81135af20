"""Folders as an evaluation leaves them, with real files of a few voxels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from torch.utils.tensorboard import SummaryWriter

from segpeft.atomic_files import replacing
from segpeft.engines.outputs import volume_name

SCHEME = {"name": "organ", "regions": {"organ": [1, 2], "lesion": [2]}}
HOSTILE = """<img src=x onerror=alert(1)>&"'"""
RUN = {
    "parameters": {"total": 1000, "trainable": 250, "backbone_peft": 50, "task_head": 200},
    "seconds": 12.5,
    "epochs": 1,
    "iterations": 3,
    "peak_host_bytes": 2**29,
    "peak_device_bytes": None,
}


def write_volume(path: Path, voxels: np.ndarray, spacing: Sequence[float] = (1, 1, 1)) -> Path:
    """Writes voxels in RAS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0])), path)
    return path


def ball(shape: Sequence[int], centre: Sequence[float], radius: float) -> np.ndarray:
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), -1)
    return ((grid - np.asarray(centre)) ** 2).sum(-1) <= radius**2


def label_map(shift: float = 0.0, shape: Sequence[int] = (24, 20, 10)) -> np.ndarray:
    """An organ with a lesion in it, moved by `shift` voxels."""
    label = np.zeros(shape, np.uint8)
    label[ball(shape, (12 + shift, 10, 5), 6)] = 1
    label[ball(shape, (14 + shift, 10, 5), 2.5)] = 2
    return label


def write_table(folder: Path, lines: Sequence[Sequence[Any]]) -> None:
    """Writes `cases.csv`: case, region, dice, hd95, truth_voxels, pred_voxels, policy."""
    import csv

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["case", "region", "dice", "hd95", "truth_voxels", "pred_voxels", "policy"], *lines]
        )


def lines_of(dice: Mapping[str, float]) -> list[list[Any]]:
    """Lines of both regions; the lesion's Dice is lower by a tenth."""
    organ = [[case, "organ", value, 10 * (1 - value), 900, 880, ""] for case, value in dice.items()]
    lesion = [[case, "lesion", value - 0.1, 12 * (1 - value), 60, 50, ""] for case, value in dice.items()]
    return sorted([*organ, *lesion], key=lambda line: line[0])


def write_evaluation(
    folder: Path, dice: Mapping[str, float], data: Path | None = None, shift: float = 1.0, **changes: Any
) -> Path:
    """Writes the folder of an evaluation.

    Args:
        folder: to write.
        dice: of the organ by case.
        data: folder of images and labels, which are written where they are missing; None: no volumes.
        shift: of the predictions, in voxels.
        changes: of the record.
    """
    write_table(folder, lines_of(dice))
    (folder / "run.json").write_text(json.dumps(RUN))
    cases = []
    for number, case in enumerate(dice if data is not None else []):
        image, label = data / f"image{number}.nii.gz", data / f"label{number}.nii.gz"
        if not image.exists():
            noise = np.random.default_rng(number).normal(size=(24, 20, 10))
            write_volume(image, (100 * (label_map() > 0) + 10 * noise).astype(np.float32))
            write_volume(label, label_map())
        write_volume(folder / "labels" / f"{volume_name(case)}.nii.gz", label_map(shift))
        cases.append({"case": case, "image": str(image), "label": str(label), "bytes": [1, 1]})
    write_record(folder, data={"evaluation": cases, "sha256": "0" * 64}, **changes)
    return folder


def write_record(folder: Path, **changes: Any) -> None:
    record = {
        "format": 1,
        "kind": "evaluation",
        "bundle": "tiny",
        "bundle_version": "0.1.0",
        "started": "2026-01-02T03:04:05+00:00",
        "command": ["run", "evaluating"],
        "directory": "/data/tiny",
        "config": {"label_scheme": SCHEME, "epochs": 3, "model_dir": "models", "network": "$@network_def"},
        "versions": {"python": "3.11", "segpeft": "0.1.0", "torch": "2.13.0", "cuda": None},
        "git": {"revision": "0123abc", "dirty": True},
        "machine": {"cpu": "a processor", "cores": 2},
        "seed": 7,
        "data": {},
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "record.json") as partial:
        partial.write_text(json.dumps(record))


def write_training(folder: Path, steps: int = 12, record: bool = True) -> Path:
    """Writes the folder of a training: event files of TensorBoard, `run.json` and record."""
    writer = SummaryWriter(str(folder))
    for step in range(1, steps + 1):
        writer.add_scalar("train/loss", 1 / step, step)
        writer.add_scalar("train/learning_rate", 0.01 / step, step)
    for epoch in (1, 2, 3):
        for name, value in {"dice": 0.2, "dice_organ": 0.25, "dice_lesion": 0.15, "hd95": 9.0}.items():
            writer.add_scalar(f"validation/{name}", value * epoch, epoch)
    writer.close()
    (folder / "run.json").write_text(json.dumps({**RUN, "epochs": 3, "best_metric_epoch": 2}))
    if record:
        write_record(folder, kind="training")
    return folder
