"""Tiny pelves with a prostate of two zones, sampled by T2 and ADC on oblique grids of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.bundles.runs import Volume, save_volume

T2_SHAPE, ADC_SHAPE = (40, 36, 9), (30, 28, 10)


def placed(
    spacing: tuple[float, float, float], degrees: float, shape: tuple[int, ...], centre: np.ndarray
) -> np.ndarray:
    """The affine of a grid whose middle lies at `centre` mm, stored from left to right as in LPS, turned about x."""
    angle = np.deg2rad(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-spacing[0], -spacing[1], spacing[2]])
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def zones_at(affine: np.ndarray, shape: tuple[int, ...], centre: np.ndarray) -> np.ndarray:
    """1 in the peripheral, 2 in the transition zone, where the grid's voxels lie in the patient."""
    voxels = np.stack([*np.meshgrid(*map(np.arange, shape), indexing="ij"), np.ones(shape)])
    x, y, z = np.tensordot(affine, voxels, 1)[:3] - centre[:, None, None, None]
    gland = (x / 16) ** 2 + (y / 13) ** 2 + (z / 12) ** 2 < 1
    transition = (x / 10) ** 2 + ((y - 3) / 8) ** 2 + (z / 9) ** 2 < 1  # +y is anterior
    return np.where(gland, np.where(transition, 2, 1), 0).astype(np.uint8)


def make_case(seed: int) -> dict[str, Volume]:
    """T2, ADC and label of one patient; the gland lies off the scanner's middle."""
    random = np.random.default_rng(seed)
    centre = random.uniform(-12, 12, 3)
    grids = {
        "T2": (placed((1.4, 1.4, 3.6), random.uniform(5, 20), T2_SHAPE, centre), T2_SHAPE, [60, 160, 90]),
        "ADC": (placed((2.2, 2.2, 3.4), random.uniform(-15, 0), ADC_SHAPE, centre + 2), ADC_SHAPE, [80, 140, 120]),
    }
    case = {}
    for name, (affine, shape, signal) in grids.items():
        values = np.array(signal, dtype=np.float32)[zones_at(affine, shape, centre)]
        case[name] = (values + random.normal(0, 8, shape).astype(np.float32), affine)
    t2 = grids["T2"][0]
    case["label"] = (zones_at(t2, T2_SHAPE, centre), t2)
    return case


def write_zones(root: Path, cases: int) -> Path:
    """Writes case folders `P1`, `P2`, ... with `T2.nii.gz`, `ADC.nii.gz` and `label.nii.gz`."""
    for index in range(1, cases + 1):
        for name, volume in make_case(index).items():
            save_volume(root / f"P{index}" / f"{name}.nii.gz", *volume)
    return root
