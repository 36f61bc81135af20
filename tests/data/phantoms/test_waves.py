"""Random fields."""

import numpy as np

from segpeft.data.phantoms.waves import RandomWaves


def test_waves_have_zero_mean_unit_variance_and_true_distances() -> None:
    waves = RandomWaves(np.random.default_rng(0), wavelength=20.0, waves=24)
    points = np.random.default_rng(1).uniform(-500, 500, size=(20000, 3)).astype(np.float32)
    values = waves.scalar(points)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05
    line = np.zeros((4001, 3), dtype=np.float32)
    line[:, 0] = np.linspace(-40, 40, 4001)
    crossing = np.flatnonzero(np.diff(np.sign(waves.scalar(line))))
    assert len(crossing) > 3
    assert (waves.zero_distance(line)[crossing] < 0.05).all()
