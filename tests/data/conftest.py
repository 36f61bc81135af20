"""Real NIfTI files for the tests of the data pipeline."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

CHANNELS = ("FLAIR", "T1w", "T1gd", "T2w")
SHAPE = (14, 12, 10)


def brain_image(
    channels: int = 4, background: float = 0.0, seed: int = 0, shape: tuple[int, ...] = SHAPE
) -> np.ndarray:
    """A block of noise around 0 (negative values too) off the centre, `background` around it; (X, Y, Z, C)."""
    image = np.full((*shape, channels), background, dtype=np.float32)
    block = (slice(3, 11), slice(2, 9), slice(1, 8))
    noise = np.random.default_rng(seed).normal(0, 1, image[block].shape)
    image[block] = noise * np.arange(1, channels + 1) * 10
    return image


def brain_label(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    label = np.zeros(shape, dtype=np.uint8)
    label[4:9, 4:8, 2:6] = 1
    label[5:8, 4:7, 3:6] = 2
    label[6, 5, 4] = 3
    return label


def write(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return str(path)


@pytest.fixture
def write_nifti() -> Callable[..., str]:
    return write


@pytest.fixture
def msd_folder(tmp_path: Path) -> Path:
    """Six labelled cases and one test case in the layout of MSD Task01, with the hidden twins that macOS leaves."""
    root = tmp_path / "Task01"
    training = []
    for index in range(6):
        name = f"BRATS_{index:03d}.nii.gz"
        write(root / "imagesTr" / name, brain_image(seed=index))
        write(root / "labelsTr" / name, brain_label())
        (root / "imagesTr" / f"._{name}").write_bytes(b"not an image")
        training.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    write(root / "imagesTs" / "BRATS_100.nii.gz", brain_image(seed=100))
    modality = {str(index): name for index, name in enumerate(("FLAIR", "T1w", "t1gd", "T2w"))}
    content = {"modality": modality, "training": training, "test": ["./imagesTs/BRATS_100.nii.gz"]}
    (root / "dataset.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def msd_items(msd_folder: Path) -> list[dict[str, str]]:
    names = [f"BRATS_{index:03d}" for index in range(3)]
    return [
        {
            "case": name,
            "image": str(msd_folder / "imagesTr" / f"{name}.nii.gz"),
            "label": str(msd_folder / "labelsTr" / f"{name}.nii.gz"),
        }
        for name in names
    ]
