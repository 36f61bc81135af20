import numpy as np
import pytest

from segpeft.data.phantoms.ct_physics import Scanner

SPACING = np.array([0.8, 0.8, 3.0])
WATER = np.zeros((64, 64, 12), dtype=np.float32)


def scanner(noise: float = 12.0, padding: int | None = None) -> Scanner:
    return Scanner(pixel=0.8, thickness=3.0, noise=noise, grain=0.8, padding=padding)


def correlation(noise: np.ndarray, step: tuple[int, int, int]) -> float:
    moved = np.roll(noise, step, axis=(0, 1, 2))
    return float(np.corrcoef(noise.ravel(), moved.ravel())[0, 1])


def test_noise_is_grained_in_the_plane_and_new_in_every_slice() -> None:
    noise = scanner().acquire(WATER, SPACING, np.random.default_rng(0)).astype(float)
    assert noise.std() == pytest.approx(12, rel=0.05)
    assert abs(noise.mean()) < 1
    assert correlation(noise, (1, 0, 0)) > 0.3
    assert correlation(noise, (0, 1, 0)) > 0.3
    assert abs(correlation(noise, (0, 0, 1))) < 0.05
    assert abs(correlation(noise, (9, 0, 0))) < 0.05, "no slow waves are left"


def test_edges_are_blurred_in_the_plane_alone() -> None:
    step = WATER.copy()
    step[32:] = 100
    step[..., 6:] += 400
    seen = scanner(noise=1e-3).acquire(step, SPACING, np.random.default_rng(0))
    assert 5 < seen[31, 32, 0] < 45
    assert set(np.unique(seen[0, 0])) == {0, 400}


@pytest.mark.parametrize("padding", [None, -2048], ids=["square", "round"])
def test_what_lies_outside_the_round_field_is_padded(padding: int | None) -> None:
    image = scanner(padding=padding).acquire(WATER - 1000, SPACING, np.random.default_rng(0))
    share = (image == -2048).mean()
    assert share == pytest.approx(0 if padding is None else 1 - np.pi / 4, abs=0.03)
    assert image[32, 32, 6] > -1100


def test_values_end_where_twelve_bits_do() -> None:
    image = scanner().acquire(np.where(WATER == 0, 9000, 0).astype(np.float32), SPACING, np.random.default_rng(0))
    assert image.dtype == np.int16
    assert image.max() == 3071
