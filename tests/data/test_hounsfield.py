"""Scaling HU, and which values are refused as no HU; whatever real CT looks like must pass."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from segpeft.data.hounsfield import CheckHounsfieldd, HounsfieldScale, ScaleHounsfieldd, not_hounsfield
from segpeft.errors import InputError


def ct(air: float = -1000.0) -> torch.Tensor:
    """A body of fat, soft tissue and bone with noise, in air."""
    rng = np.random.default_rng(0)
    volume = np.full((1, 40, 36, 12), air, dtype=np.float32)
    body = rng.choice([-100.0, 50.0, 120.0, 400.0, 900.0], size=(1, 28, 26, 12), p=[0.4, 0.35, 0.15, 0.07, 0.03])
    volume[:, 6:34, 5:31] = body
    return torch.from_numpy(volume + rng.normal(scale=12.0, size=volume.shape).astype(np.float32))


def padded(value: float) -> torch.Tensor:
    volume = ct()
    volume[:, :, :4] = value
    return volume


BODY = ct()[:, 8:32, 8:28]
REAL = {
    "whole": ct(),
    "clipped at -1000": ct().clamp(min=-1000),
    "padded with -1024": padded(-1024),
    "padded with -2048": padded(-2048),
    "padded with -3024": padded(-3024),
    "int16 cut off at 3071": torch.where(ct() > 880, 3071.0, ct()).round(),
    "without air": BODY,
    "without air and fat": BODY.clamp(min=-79),
    "clipped to nnU-Net's window": ct().clamp(-79, 304),
    "soft tissue alone": torch.from_numpy(np.random.default_rng(1).normal(40, 15, (1, 20, 20, 10)).astype(np.float32)),
    "a skull base": torch.where(ct() > 100, 1000.0, ct()),
    "one slice": ct()[..., :1],
}
WRONG = {
    "1024 too high": (ct().clamp(min=-1024) + 1024, "1024 too high"),
    "1024 too high, padded below 0": (padded(-3024) + 1024, "as if 1024 had not been subtracted"),
    "8 bits": ((ct().clamp(-160, 240) + 160) / 400 * 255, "8 bits"),
    "0 to 1": ((ct().clamp(-160, 240) + 160) / 400, "as if they had been normalised"),
    "scaled as nnU-Net does": (HounsfieldScale()(ct()), "as if they had been normalised"),
    "z-score": ((ct() - ct().mean()) / ct().std(), "as if they had been normalised"),
    "an MR": (ct() + 1100, "no CT"),
}


@pytest.mark.parametrize("name", REAL)
def test_what_a_scanner_gives_passes(name):
    assert not_hounsfield(REAL[name]) == ""


@pytest.mark.parametrize("name", WRONG)
def test_what_no_scanner_gives_is_refused_in_one_line(name):
    volume, said = WRONG[name]
    image = MetaTensor(volume, meta={"filename_or_obj": "/d/case_00003/imaging.nii.gz"})
    with pytest.raises(
        InputError, match=rf"^/d/case_00003/imaging\.nii\.gz: .*{said}.*; expected Hounsfield units"
    ) as caught:
        CheckHounsfieldd("image")({"image": image})
    assert "\n" not in str(caught.value)


def test_scaling_is_that_of_nnu_net_and_keeps_the_affine():
    values = torch.tensor([-3024.0, -79.0, 101.0, 177.9, 304.0, 3071.0]).reshape(1, 6, 1, 1)
    image = MetaTensor(values, affine=np.diag([2.0, 2, 3, 1]))
    scaled = ScaleHounsfieldd("image", HounsfieldScale())({"image": image})["image"]
    expected = [-180 / 76.9, -180 / 76.9, 0, 1, 203 / 76.9, 203 / 76.9]
    np.testing.assert_allclose(scaled.flatten().numpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(scaled.affine, image.affine)
    assert HounsfieldScale().background == pytest.approx(expected[0])


@pytest.mark.parametrize(
    "knobs", [{"window": (5, 5)}, {"window": (1, 2, 3)}, {"std": 0}], ids=["empty", "three ends", "std"]
)
def test_numbers_out_of_range(knobs):
    with pytest.raises(InputError, match=next(iter(knobs))):
        HounsfieldScale(**knobs)
