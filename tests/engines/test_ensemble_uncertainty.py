import math

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from segpeft.engines.ensemble_uncertainty import EnsembleMeand, binary_entropy, uncertainty
from segpeft.errors import InputError


def volume(*probabilities: float) -> torch.Tensor:
    """Two members of one region, one voxel a pair of probabilities."""
    return torch.tensor(probabilities).view(2, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("members", "entropy", "mutual_information", "std"),
    [
        ((0.5, 0.5), 1.0, 0.0, 0.0),
        ((0.0, 1.0), 1.0, 1.0, 0.5),
        ((1.0, 1.0), 0.0, 0.0, 0.0),
        ((0.25, 0.75), 1.0, 1 + 0.25 * math.log2(0.25) + 0.75 * math.log2(0.75), 0.25),
    ],
    ids=["unsure", "contradicting", "sure", "between"],
)
def test_measures(members, entropy, mutual_information, std):
    found = {name: value.item() for name, value in uncertainty(volume(*members)).items()}
    expected = {"entropy": entropy, "mutual_information": mutual_information, "std": std}
    assert found == pytest.approx(expected, abs=1e-6)


def test_entropy_is_that_of_its_definition():
    p = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    expected = [-(v * math.log2(v) + (1 - v) * math.log2(1 - v)) for v in p.tolist()]
    np.testing.assert_allclose(binary_entropy(p).numpy(), expected, rtol=1e-12)


def test_members_lie_one_after_another_and_the_grid_is_kept():
    members = torch.rand(3, 2, 4, 4, 4)
    pred = MetaTensor(members.flatten(0, 1), affine=torch.diag(torch.tensor([2.0, 1, 1, 1])))
    result = EnsembleMeand("pred", 3)({"pred": pred, "case": "a"})
    torch.testing.assert_close(result["pred"].as_tensor(), members.mean(0))
    assert sorted(result) == ["case", "entropy", "mutual_information", "pred", "std"]
    for name in ("pred", "entropy", "mutual_information", "std"):
        assert result[name].shape == (2, 4, 4, 4)
        assert torch.equal(result[name].affine, pred.affine)


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(InputError, match="prediction has 4 channels"):
        EnsembleMeand("pred", 3)({"pred": torch.rand(4, 2, 2, 2)})
