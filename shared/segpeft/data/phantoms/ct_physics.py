"""What a CT scanner makes of true Hounsfield units: blur in the plane, correlated noise, a round field of view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from segpeft.data.phantoms.case import FloatArray

MATRIX = 512
PIXEL = (0.6, 0.95)
THICKNESS = (1.0, 1.25, 2.0, 2.5, 3.0, 3.75, 5.0)
_BLUR_MM = 0.7
_FRONT_OF_VOXEL = 0.4  # a voxel is itself a blur: what is finer than it shows in part
_LOWEST, _HIGHEST = -1024, 3071
_PADDING = (-1024, -2048, -3024)


@dataclass(frozen=True)
class Scanner:
    """One scan's protocol.

    Attributes:
        pixel: size of a pixel at full size in mm.
        thickness: of a slice at full size in mm.
        noise: standard deviation in HU.
        grain: correlation length of the noise in pixels.
        padding: value outside the round field of view; None: the whole square was reconstructed.
    """

    pixel: float
    thickness: float
    noise: float
    grain: float
    padding: int | None

    def acquire(
        self, hounsfield: FloatArray, spacing: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.int16]:
        """Turns true HU (X, Y, Z) with voxels of `spacing` (3,) mm into what is stored, int16 of the same shape.

        Noise is white noise without its slow part, as filtered back projection leaves it: neighbouring pixels of a
        slice are alike, far ones are not, and slices are independent of each other.
        """
        blur = (*np.hypot(_BLUR_MM / spacing[:2], _FRONT_OF_VOXEL), 0.0)
        image = gaussian_filter(hounsfield, blur, mode="nearest")
        white = rng.standard_normal(image.shape, dtype=np.float32)
        noise = gaussian_filter(white, (self.grain, self.grain, 0.0), mode="wrap")
        noise -= gaussian_filter(noise, (2.0 * self.grain, 2.0 * self.grain, 0.0), mode="wrap")
        image += noise * (self.noise / noise.std())
        stored = np.clip(np.rint(image), _LOWEST, _HIGHEST).astype(np.int16)
        if self.padding is not None:
            x, y = (np.linspace(-1.0, 1.0, n) for n in image.shape[:2])
            stored[np.hypot(x[:, None], y[None]) > 1.0] = self.padding
        return stored


def draw_scanner(rng: np.random.Generator, width: float) -> Scanner:
    """Draws a protocol for a patient `width` mm wide: the field of view fits, as far as pixels come in that size.

    Thin slices are noisier than thick ones.
    """
    pixel = float(np.clip(width * rng.uniform(1.06, 1.25) / MATRIX, *PIXEL))
    thickness = float(rng.choice(THICKNESS))
    noise = float(rng.uniform(9.0, 15.0) * (3.0 / thickness) ** 0.3)
    padding = int(rng.choice(_PADDING)) if rng.uniform() < 0.4 else None
    return Scanner(pixel, thickness, noise, float(rng.uniform(0.6, 0.9)), padding)
