import numpy as np
import pytest
import torch

from segpeft.data import augmentation
from segpeft.data.prepared_case import BACKGROUND, FOREGROUND
from segpeft.errors import InputError


def crops(**options):
    """Twenty augmented crops of a ramp along every axis; the crop is the whole volume."""
    ramp = np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"))  # one channel an axis
    case = {"image": ramp, "label": ramp[:1] > 1, FOREGROUND: np.array([21]), BACKGROUND: np.array([0])}
    made = augmentation(4, crops_per_case=20, **options)
    made.set_random_state(seed=0)
    return made(case)


@pytest.mark.parametrize("axes", [(), (0,), (0, 2), (0, 1, 2)], ids=str)
def test_only_the_named_axes_are_flipped(axes):
    flipped = [
        [torch.diff(torch.as_tensor(c["image"])[a], dim=a).mean() < 0 for a in range(3)] for c in crops(flip_axes=axes)
    ]
    assert [a for a in range(3) if any(f[a] for f in flipped)] == list(axes)
    assert not all(f[axes[0]] for f in flipped) if axes else True


def test_image_and_label_are_flipped_alike():
    for crop in crops(intensity=0):
        assert torch.equal(torch.as_tensor(crop["label"]), (torch.as_tensor(crop["image"])[:1] > 1).float())


def test_intensities_change_by_no_more_than_was_asked_for():
    for crop in crops(flip_axes=(), intensity=0.1):
        largest = torch.as_tensor(crop["image"]).max()
        assert 3 * 0.9 - 0.1 <= largest <= 3 * 1.1 + 0.1
        assert largest != 3


@pytest.mark.parametrize(
    ("wrong", "expected"), [({"flip_axes": [3]}, "flip_axes"), ({"intensity": -1}, "intensity")], ids=str
)
def test_a_number_out_of_range(wrong, expected):
    with pytest.raises(InputError, match=expected):
        augmentation(4, **wrong)
