"""Smooth random fields: a few plane waves of random direction and phase, defined in mm, so the same on every grid."""

import numpy as np

from segpeft.data.phantoms.case import FloatArray


class RandomWaves:
    """A random field `f(x) = sum_j w_j sin(k_j . x + phase_j)` of zero mean and unit variance per output.

    Args:
        rng: source of directions, phases and weights; nothing is drawn after construction.
        wavelength: mean wavelength in mm; waves are spread over 0.8 to 1.25 times it.
        waves: number of plane waves.
        outputs: number of fields that share the waves, 3 for a displacement.
    """

    def __init__(self, rng: np.random.Generator, wavelength: float, waves: int = 12, outputs: int = 1) -> None:
        direction = rng.normal(size=(3, waves))
        direction /= np.linalg.norm(direction, axis=0, keepdims=True)
        length = wavelength * np.exp(rng.uniform(np.log(0.8), np.log(1.25), size=waves))
        weights = rng.normal(size=(waves, outputs)) if outputs > 1 else np.ones((waves, 1))
        weights *= np.sqrt(2.0) / np.linalg.norm(weights, axis=0, keepdims=True)
        self.vectors = (2.0 * np.pi * direction / length).astype(np.float32)  # (3, waves) in rad/mm
        self.phases = rng.uniform(0.0, 2.0 * np.pi, size=waves).astype(np.float32)
        self.weights = weights.astype(np.float32)

    def vector(self, points: FloatArray) -> FloatArray:
        """Values of all outputs at points (N, 3) in mm: (N, outputs)."""
        return np.sin(points @ self.vectors + self.phases) @ self.weights

    def scalar(self, points: FloatArray) -> FloatArray:
        """Values of the first output at points (N, 3) in mm: (N,)."""
        return self.vector(points)[:, 0]

    def zero_distance(self, points: FloatArray) -> FloatArray:
        """First-order distance `|f| / |grad f|` to the zero set of the first output at points (N, 3): (N,) in mm."""
        angle = points @ self.vectors + self.phases
        value = np.sin(angle) @ self.weights[:, 0]
        gradient = (np.cos(angle) * self.weights[:, 0]) @ self.vectors.T  # (N, 3)
        typical = 0.5 * float(np.sqrt((self.vectors**2).sum(axis=0).mean()))
        return np.abs(value) / np.maximum(np.linalg.norm(gradient, axis=1), typical)
