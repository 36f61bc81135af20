"""What a receiver does to signals."""

import numpy as np
import pytest

from segpeft.data.phantoms.brain import FIELD_OF_VIEW
from segpeft.data.phantoms.grid import Grid
from segpeft.data.phantoms.mr_physics import draw_receivers


def test_receiver_bounds_bias_and_adds_noise() -> None:
    receivers = draw_receivers(np.random.default_rng(0), (1000.0, 1000.0))
    points = Grid((24, 24, 24), FIELD_OF_VIEW).centres(np.arange(24**3))
    rng = np.random.default_rng(1)
    flat = [
        receiver.receive(np.ones(len(points), dtype=np.float32), points, rng) / receiver.gain for receiver in receivers
    ]
    for values in flat:
        assert 0.7 < values.min() < 0.93
        assert 1.07 < values.max() < 1.35
    smooth = [1.0 + 0.2 * np.tanh(receiver.bias.scalar(points)) for receiver in receivers]
    assert abs(np.corrcoef(*smooth)[0, 1]) < 0.9
    assert (flat[0] - smooth[0]).std() == pytest.approx(0.03, rel=0.1)
    silent = receivers[0].receive(np.zeros(len(points), dtype=np.float32), points, rng)
    assert silent.min() >= 1
    assert silent.mean() / receivers[0].gain == pytest.approx(0.03 * np.sqrt(np.pi / 2), rel=0.1)  # Rayleigh
