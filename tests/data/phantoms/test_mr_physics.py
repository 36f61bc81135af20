"""What a receiver does to signals."""

from dataclasses import replace

import numpy as np
import pytest

from segpeft.data.phantoms.brain import FIELD_OF_VIEW
from segpeft.data.phantoms.coil import CoilArray
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


def test_coil_falls_off_from_1_at_the_origin() -> None:
    coil = CoilArray(((0.0, 100.0, 0.0),), strength=2.0, reach=40.0)
    row = np.zeros((101, 3), dtype=np.float32)
    row[:, 1] = np.arange(101)
    factors = coil.sensitivity(row)
    assert factors[0] == pytest.approx(1.0)
    assert (np.diff(factors) > 0).all()
    assert factors[100] == pytest.approx(3.0 / (1.0 + 2.0 * np.exp(-2.5)), rel=1e-5)


def test_receiver_applies_its_coil_bias_and_noise() -> None:
    receiver = draw_receivers(np.random.default_rng(0), (10000.0,))[0]
    coil = CoilArray(((0.0, 100.0, 0.0),), strength=2.0, reach=40.0)
    points = Grid((24, 24, 24), FIELD_OF_VIEW).centres(np.arange(24**3))
    signal = np.ones(len(points), dtype=np.float32)
    quiet = replace(receiver, noise=0.0, bias_amplitude=0.0, coil=coil)
    received = quiet.receive(signal, points, np.random.default_rng(1)) / quiet.gain
    np.testing.assert_allclose(received, coil.sensitivity(points), atol=1.0 / quiet.gain)
