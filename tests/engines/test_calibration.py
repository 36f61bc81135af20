import numpy as np
import pytest
import torch

from segpeft.engines import RegionECE
from segpeft.engines.calibration import expected_calibration_error, seen_box
from segpeft.errors import InputError
from tests.engines.tiny import SCHEME


def by_hand(p: np.ndarray, truth: np.ndarray, bins: int) -> float:
    """The definition, bin by bin."""
    confidence, right = np.maximum(p, 1 - p), (p > 0.5) == truth
    total = 0.0
    for m in range(1, bins + 1):
        inside = (confidence > (m - 1) / bins) & (confidence <= m / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_error_is_that_of_its_definition(bins):
    rng = np.random.default_rng(0)
    p, truth = rng.random(500), rng.random(500) < 0.3
    found = expected_calibration_error(torch.from_numpy(p), torch.from_numpy(truth), bins)
    assert found == pytest.approx(by_hand(p, truth, bins), abs=1e-12)


@pytest.mark.parametrize(
    ("p", "share", "expected"), [(0.8, 0.8, 0.0), (0.8, 0.5, 0.3), (0.2, 0.2, 0.0), (1.0, 0.0, 1.0)], ids=str
)
def test_a_constant_probability_against_the_share_that_is_true(p, share, expected):
    truth = torch.arange(10) < 10 * share
    assert expected_calibration_error(torch.full((10,), p), truth) == pytest.approx(expected, abs=1e-6)


def test_what_the_network_did_not_see_does_not_count():
    probability, truth = torch.zeros(2, 12, 12, 12), torch.zeros(2, 12, 12, 12)
    probability[:, 3:7, 2:6, 4:8] = 0.9
    assert seen_box(probability) == (slice(3, 7), slice(2, 6), slice(4, 8))
    metric = RegionECE(SCHEME)
    metric.update(("a", probability, truth))
    assert metric.compute().cases[0].values == pytest.approx((0.9, 0.9))
    assert metric.compute().cases[0].pred_voxels == (64, 64)
    assert seen_box(torch.zeros(1, 3, 3, 3)) == (slice(None),) * 3


def test_regions_are_measured_apart():
    probability, truth = torch.full((2, 4, 4, 4), 0.75), torch.ones(2, 4, 4, 4)
    truth[1] = 0
    metric = RegionECE(SCHEME)
    metric.update(("a", probability, truth))
    assert metric.compute().mean() == pytest.approx({"whole": 0.25, "core": 0.75})


@pytest.mark.parametrize("pred", [torch.full((2, 4, 4, 4), 3.0), torch.ones(1, 4, 4, 4)], ids=["logits", "label map"])
def test_what_is_no_probability_is_refused(pred):
    with pytest.raises(InputError, match="needs probabilities"):
        RegionECE(SCHEME).update(("a", pred, torch.ones(2, 4, 4, 4)))


def test_no_bins_are_refused():
    with pytest.raises(InputError, match="bins 0 is out of range"):
        RegionECE(SCHEME, bins=0)
