"""Facts and looks for the tests of single checks, and small sets whose cases resemble each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from segpeft.data.layouts import Case
from segpeft.data.phantoms.nifti_files import write_nifti
from segpeft.data.survey import CaseFacts, OpenedCase, OpenedVolume, case_facts, open_case
from segpeft.doctor.looking import CaseLook, look

SHAPE = (20, 18, 16)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def image(seed: int, channels: int = 1) -> np.ndarray:
    """A bright ball and a rod beside it in a noisy block, another contrast in each channel; (X, Y, Z, C)."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    ball = drawn(seed) == 1
    made = np.zeros((*SHAPE, channels), np.float32)
    body = (x > 1) & (x < 18) & (y > 1) & (y < 16) & (z > 1) & (z < 14)
    for channel in range(channels):
        level = 100 + 20 * channel * (x / SHAPE[0]) + rng.normal(0, 3 + 2 * channel, SHAPE)
        made[..., channel] = np.where(body, level + ball * (40 - 60 * channel) + (y < 6) * 15, 0)
    return made


def drawn(seed: int) -> np.ndarray:
    """The ball, to the left, front and top of the middle; where exactly, the seed says."""
    centre = np.array([6, 11, 10]) + np.random.default_rng([seed, 1]).uniform(-0.7, 0.7, 3)
    away = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1) - centre
    return (np.linalg.norm(away, axis=-1) < 3.3).astype(np.uint8)


def opened(name: str, voxels: np.ndarray, label: np.ndarray | None, section: str = "training") -> OpenedCase:
    """A case as if its files had been read."""
    channels = tuple(_volume(f"{name}.nii.gz", voxels[..., index]) for index in range(voxels.shape[-1]))
    case = Case(name, (f"{name}.nii.gz",), f"{name}_label.nii.gz", section=section)
    return OpenedCase(case, channels, None if label is None else _volume(f"{name}_label.nii.gz", label))


def _volume(path: str, voxels: np.ndarray) -> OpenedVolume:
    tensor = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))
    return OpenedVolume(path, tensor, torch.from_numpy(AFFINE))


def looks(count: int, channels: int = 1) -> list[CaseLook]:
    """Looks at so many cases that resemble each other."""
    return [look(opened(f"case{seed}", image(seed, channels), drawn(seed))) for seed in range(count)]


def facts(
    folder: Path,
    voxels: np.ndarray,
    label: np.ndarray | None = None,
    affine: np.ndarray = AFFINE,
    label_affine: np.ndarray = AFFINE,
) -> CaseFacts:
    """Facts of files that are written for it."""
    write_nifti(folder / "image.nii.gz", voxels, affine)
    if label is not None:
        write_nifti(folder / "label.nii.gz", label, label_affine)
    drawn_in = str(folder / "label.nii.gz") if label is not None else None
    return case_facts(open_case(Case("one", (str(folder / "image.nii.gz"),), drawn_in)))
