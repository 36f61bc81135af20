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


def test_nnu_nets_style_changes_most_crops_each_in_its_own_way():
    made = [torch.as_tensor(crop["image"]) for crop in crops(style="nnunet", flip_axes=())]
    unchanged = sum(torch.equal(image, torch.as_tensor(crops(flip_axes=(), intensity=0)[0]["image"])) for image in made)
    assert 1 <= unchanged <= 12
    assert len({round(float(image.std()), 4) for image in made}) > 8
    assert all(
        image.dtype == torch.float32 and image.shape == (3, 4, 4, 4) and image.isfinite().all() for image in made
    )


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["off", "always"])
def test_turning_is_switched_by_its_probability(share):
    moved = [crop["label"] for crop in crops(style="nnunet", flip_axes=(), spatial_prob=share)]
    still = crops(flip_axes=())[0]["label"]
    assert any(not torch.equal(label, still) for label in moved) == bool(share)
    assert all(set(torch.as_tensor(label).unique().tolist()) <= {0.0, 1.0} for label in moved)


def test_the_same_state_gives_the_same_crops():
    first, again = (crops(style="nnunet") for _ in range(2))
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(("share", "centre"), [(1.0, 21), (0.0, 0)], ids=["labelled", "background"])
def test_the_share_of_labelled_centres_is_a_knob(share, centre):
    ramp = np.arange(64.0).reshape(1, 4, 4, 4)
    case = {"image": ramp, "label": ramp > 20, FOREGROUND: np.array([21]), BACKGROUND: np.array([0])}
    made = augmentation(1, 5, (), 0.0, pos_share=share)
    assert all(float(crop["image"]) == centre for crop in made(case))


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"flip_axes": [3]}, "flip_axes"),
        ({"intensity": -1}, "intensity"),
        ({"style": "heavy"}, "light, nnunet"),
        ({"pos_share": 2}, "pos_share"),
        ({"spatial_prob": -1}, "spatial_prob"),
    ],
    ids=str,
)
def test_a_number_out_of_range(wrong, expected):
    with pytest.raises(InputError, match=expected):
        augmentation(4, **wrong)
