"""Gives the images of a data set the look of another scanner: contrast, sharpness and noise; labels stay.

``python -m benchmarks.site_appearance --source DIR --out DIR --gamma 0.6 --blur 0.7 --noise 0.02``
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
from scipy.ndimage import gaussian_filter

from segpeft.errors import InputError, one_line_errors


def main(arguments: Sequence[str] | None = None) -> None:
    """Copies a data set in the layout of the Decathlon with changed images."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder with dataset.json, imagesTr, labelsTr")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; dataset.json comes last")
    parser.add_argument("--gamma", type=float, default=1.0, help="exponent of the intensities (default %(default)s)")
    parser.add_argument("--blur", type=float, default=0.0, help="Gaussian, sigma in voxels (default %(default)s)")
    parser.add_argument("--noise", type=float, default=0.0, help="Rician, sigma by the brightest voxels")
    asked = parser.parse_args(arguments)
    if not (asked.source / "imagesTr").is_dir():
        raise InputError(f"{asked.source}: holds no folder imagesTr")
    shutil.copytree(asked.source / "labelsTr", asked.out / "labelsTr", dirs_exist_ok=True)
    (asked.out / "imagesTr").mkdir(exist_ok=True)
    for index, path in enumerate(sorted((asked.source / "imagesTr").glob("*.nii.gz"))):
        image = nibabel.load(path)
        random = np.random.default_rng(index)
        changed = appearance(np.asarray(image.dataobj), asked.gamma, asked.blur, asked.noise, random)
        nibabel.save(nibabel.Nifti1Image(changed, image.affine, image.header), asked.out / "imagesTr" / path.name)
    shutil.copy(asked.source / "dataset.json", asked.out / "dataset.json")


def appearance(volume: np.ndarray, gamma: float, blur: float, noise: float, random: np.random.Generator) -> np.ndarray:
    """Returns a volume as another scanner might show it; voxels of exactly 0, the background, stay 0.

    Args:
        volume: ``(H, W, D, C)``, not negative.
        gamma: exponent of the intensities, by channel relative to their 99.5th percentile.
        blur: sigma of a Gaussian in voxels.
        noise: sigma of both parts of Rician noise, relative to the same percentile.
        random: draws the noise.
    """
    out = np.empty(volume.shape, dtype=np.float32)
    for channel in range(volume.shape[-1]):
        one = volume[..., channel].astype(np.float64)
        bright = float(np.percentile(one[one > 0], 99.5))
        shown = gaussian_filter(bright * (one / bright) ** gamma, blur)
        real, imaginary = random.normal(0, noise * bright, (2, *one.shape))
        out[..., channel] = np.where(one > 0, np.hypot(shown + real, imaginary), 0)
    return out.astype(volume.dtype)


if __name__ == "__main__":
    main()
