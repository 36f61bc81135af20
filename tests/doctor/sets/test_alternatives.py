"""A case that is like the others only in another reading is told; the others are not."""

import numpy as np
import pytest

from segpeft.doctor.sets.alternatives import LEAST_CASES, evidence


def vectors(count: int, seed: int = 0) -> np.ndarray:
    """Cases around 0..9 whose second reading turns the order around; (n, 2, 10)."""
    came = np.arange(10.0) + np.random.default_rng(seed).normal(0, 0.3, (count, 10))
    return np.stack([came, came[:, ::-1]], axis=1)


@pytest.mark.parametrize("count", [LEAST_CASES, 30, 250], ids=["few", "some", "many"])
def test_the_odd_one_is_told(count):
    cases = vectors(count)
    assert evidence(cases).better() == [0] * count
    cases[3] = cases[3, ::-1]
    assert evidence(cases).better() == [0, 0, 0, 1, *[0] * (count - 4)]


def test_a_case_that_is_odd_in_both_readings_is_left_alone():
    cases = vectors(20)
    cases[3] += 40
    assert evidence(cases).better() == [0] * 20


def test_what_a_case_lacks_is_not_compared():
    cases = vectors(20)
    cases[5, :, :2] = np.nan
    cases[:, :, 4] = np.nan
    cases[3] = cases[3, ::-1]
    found = evidence(cases)
    assert np.isfinite(found.distance).all()
    assert found.better() == [0, 0, 0, 1, *[0] * 16]
