"""What a scanner adds to tissue signals: receive bias, an arbitrary gain, and Rician noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.coil import CoilArray
from segpeft.data.phantoms.waves import RandomWaves

BIAS_AMPLITUDE = 0.2
NOISE_SIGMA = 0.03
_INT16_MAX = 32767


@dataclass(frozen=True)
class Receiver:
    """One channel's receiver.

    Attributes:
        bias: smooth field that becomes a factor of 1 plus or minus `bias_amplitude`.
        gain: intensity of a tissue of signal 1 (white matter in a brain).
        bias_amplitude: largest deviation of the bias from 1.
        noise: standard deviation of each of the noise's two parts, relative to signal 1.
        coil: surface coils that see what is near them best; None: a volume coil.
    """

    bias: RandomWaves
    gain: float
    bias_amplitude: float = BIAS_AMPLITUDE
    noise: float = NOISE_SIGMA
    coil: CoilArray | None = None

    def receive(self, signal: FloatArray, points: FloatArray, rng: np.random.Generator) -> NDArray[np.int16]:
        """Turns true signals into stored intensities, at least 1 so that 0 remains the background's alone.

        Args:
            signal: (N,) relative to the tissue of signal 1.
            points: (N, 3) world coordinates in mm, where bias and coil are read.
            rng: source of the noise.

        Returns:
            (N,) int16.
        """
        ideal = signal * (1.0 + self.bias_amplitude * np.tanh(self.bias.scalar(points)))
        if self.coil is not None:
            ideal = ideal * self.coil.sensitivity(points)
        real, imaginary = self.noise * rng.standard_normal((2, len(signal)), dtype=np.float32)
        magnitude = np.hypot(ideal + real, imaginary)  # Rician
        return np.clip(np.rint(magnitude * self.gain), 1, _INT16_MAX).astype(np.int16)


def draw_receivers(rng: np.random.Generator, levels: tuple[float, ...]) -> tuple[Receiver, ...]:
    """Draws one receiver a channel, with independent bias and a gain of 0.5 to 2 times the channel's usual level.

    The factor is the product of one draw for the case and one for the channel, each within 0.7 to 1.4.

    Args:
        rng: source of randomness.
        levels: usual intensity of a tissue of signal 1, one a channel.
    """
    half = 0.5 * np.log(2.0)
    case_gain = np.exp(rng.uniform(-half, half))
    return tuple(
        Receiver(
            RandomWaves(rng, wavelength=220.0, waves=6), float(level * case_gain * np.exp(rng.uniform(-half, half)))
        )
        for level in levels
    )
