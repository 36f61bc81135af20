import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from segpeft.data.modality import NormalizeModalityd, is_ct
from segpeft.data.normalize import normalize_foreground
from segpeft.errors import InputError

CT = torch.full((1, 10, 10, 10), -1024.0)
CT[:, 2:8, 2:8, 2:8] = torch.linspace(-100, 300, 216).reshape(6, 6, 6)
MR = torch.zeros(1, 10, 10, 10)
MR[:, 2:8, 2:8, 2:8] = torch.linspace(50, 900, 216).reshape(6, 6, 6)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        pytest.param(CT, True, id="CT with air"),
        pytest.param(MR, False, id="MR"),
        pytest.param((MR - 400) / 200, False, id="normalised MR"),
        pytest.param(CT.clamp(min=-100), False, id="CT without air"),
    ],
)
def test_ct_is_told_by_its_air(volume, expected):
    assert is_ct(volume) == expected


def test_ct_is_windowed():
    image = NormalizeModalityd(modality="auto", ct_window=(-160, 240))({"image": MetaTensor(CT)})["image"]
    assert isinstance(image, MetaTensor)
    assert image.dtype == torch.float32
    assert float(image[0, 0, 0, 0]) == 0
    np.testing.assert_allclose(image[0, 2, 2, 2], 60 / 400, rtol=1e-6)
    assert float(image.max()) == 1


@pytest.mark.parametrize("modality", ["mr", "auto"])
def test_mr_is_z_scored(modality):
    image = NormalizeModalityd(modality=modality)({"image": MR})["image"]
    torch.testing.assert_close(image, normalize_foreground(MR))


def test_the_knob_wins_over_the_guess():
    assert float(NormalizeModalityd(modality="ct")({"image": MR})["image"].min()) == 0.5
    assert float(NormalizeModalityd(modality="mr")({"image": CT})["image"].min()) < -1


@pytest.mark.parametrize("knobs", [{"modality": "pet"}, {"ct_window": (5, 5)}, {"ct_window": (1, 2, 3)}])
def test_knobs_out_of_range(knobs):
    with pytest.raises(InputError, match=next(iter(knobs))):
        NormalizeModalityd(**knobs)
