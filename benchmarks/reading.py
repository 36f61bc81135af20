"""Reading one training crop from the prepared cache against from the NIfTI file, and windows saved by cropping."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from monai.transforms import Compose
from torch import Tensor

from benchmarks.targets import Section, Target
from segpeft.data import CaseList, PreparedDataset, RandBalancedCropd, preprocessing
from segpeft.data.loading import LoadVolumed
from segpeft.data.phantoms.brain import PHANTOM
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.settings import Settings

KEYS, SHAPE, WINDOW, OVERLAP = ("image", "label"), (240, 240, 155), (96, 96, 96), 0.5
NOTE = (
    "One phantom of 240 x 240 x 155 voxels and 4 channels, int16 in .nii.gz; crops of 96^3 with labels; files in the "
    "system's cache; CPU seconds, medians. From .nii.gz: MONAI's LoadImaged (with this package's checks) gives float32 "
    "volumes, of which a window is cut. Raw: nibabel reads, a window of the stored values is cut, nothing more. "
    "Preprocessed: orientation, normalisation, foreground and masks, too, as the cache holds them."
)


def reading(rounds: int = 5) -> Section:
    """Measures seconds a crop, and counts sliding windows."""
    with tempfile.TemporaryDirectory() as folder:
        list(write_dataset(PHANTOM, Path(folder) / "data", Settings(cases=1, shape=SHAPE)))
        cases = CaseList(Path(folder) / "data", "all")
        steps = preprocessing(KEYS, channels=4, label_scheme="msd")
        crop = RandBalancedCropd(KEYS, WINDOW)
        prepared = PreparedDataset(cases, Compose([steps, crop]), Path(folder) / "cache", progress=False)
        prepared.prepare(workers=0)
        load, whole = LoadVolumed(KEYS), steps(dict(cases[0]))
        seconds = {
            "prepared cache": _median_seconds(lambda: prepared[0], rounds * 20),
            ".nii.gz": _median_seconds(lambda: _window(load(dict(cases[0]))), rounds),
            ".nii.gz, raw": _median_seconds(lambda: _window(_raw(cases[0])), rounds),
            ".nii.gz, preprocessed": _median_seconds(lambda: _window(steps(dict(cases[0]))), 3),
        }
    return _section(seconds, tuple(whole["image"].shape[1:]))


def _section(seconds: dict[str, float], cropped: tuple[int, ...]) -> Section:
    ours = seconds["prepared cache"]
    rows = [{"crop from": name, "ms": 1e3 * value, "times": value / ours} for name, value in seconds.items()]
    before, after = _windows(SHAPE), _windows(cropped)
    rows.append({"windows of": f"the whole volume {list(SHAPE)}", "windows": before})
    rows.append({"windows of": f"its foreground {list(cropped)}", "windows": after})
    targets = [
        Target("crop: .nii.gz / prepared cache", seconds[".nii.gz"] / ours, 30.0, at_least=True),
        Target("windows of 96^3, overlap 0.5: after cropping / before", after / before, 1.0),
    ]
    return Section("Input", NOTE, rows, targets)


def _median_seconds(run: Callable[[], Any], times: int) -> float:
    run()
    seconds = []
    for _ in range(times):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return median(seconds)


def _raw(case: Mapping[str, Any]) -> dict[str, Any]:
    volumes = {key: np.asanyarray(nib.load(case[key]).dataobj) for key in KEYS}  # type: ignore[attr-defined]
    return {key: np.moveaxis(volume.reshape(*SHAPE, -1), -1, 0) for key, volume in volumes.items()}


def _window(case: Mapping[str, Any]) -> list[Any]:
    """Copies the first window of image and label, (C, H, W, D): where it lies makes no difference to the time."""
    box = (slice(None), *(slice(size) for size in WINDOW))
    return [np.array(case[key][box], dtype=np.float32) for key in KEYS]


def _windows(shape: tuple[int, ...]) -> int:
    """Counts how often a sliding-window inferer calls the network for a volume of this shape."""
    calls = 0

    def network(x: Tensor) -> Tensor:
        nonlocal calls
        calls += x.shape[0]
        return x

    SlidingWindowInferer(WINDOW, sw_batch_size=1, overlap=OVERLAP)(torch.zeros(1, 1, *shape), network)
    return calls
