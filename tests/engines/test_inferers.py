import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer

from segpeft.engines import sliding_window
from segpeft.errors import InputError


class Net(torch.nn.Module):
    """A convolution that is not symmetric, and notes what it was given."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv3d(2, 3, 3, padding=1)
        self.types, self.windows = set(), 0

    def forward(self, x):
        self.types.add(type(x))
        self.windows += len(x)
        return self.conv(x)


VOLUME = MetaTensor(torch.randn(1, 2, 12, 10, 8), affine=torch.diag(torch.tensor([2.0, 1, 1, 1])))


def test_windows_are_stitched_as_monai_does_and_stay_plain_inside():
    net = Net()
    found = sliding_window(8)(VOLUME, net)
    expected = SlidingWindowInferer((8, 8, 8), overlap=0.5, mode="gaussian")(VOLUME.as_tensor(), net)
    torch.testing.assert_close(found.as_tensor(), expected)
    assert net.types == {torch.Tensor}
    assert isinstance(found, MetaTensor)
    assert torch.equal(found.affine, VOLUME.affine)


def test_plain_volumes_stay_plain():
    assert type(sliding_window(8)(VOLUME.as_tensor(), Net())) is torch.Tensor


@pytest.mark.parametrize(("overlap", "windows"), [(0.0, 4), (0.5, 4), (0.75, 6)])
def test_overlap_sets_the_number_of_windows(overlap, windows):
    net = Net()
    sliding_window([8, 8, 8], overlap)(VOLUME, net)
    assert net.windows == windows


def test_flips_are_averaged_as_probabilities():
    net = Net()
    found = sliding_window(8, tta=True)(VOLUME, net)
    plain = sliding_window(8)
    expected = torch.zeros(1, 3, 12, 10, 8)
    for axes in [(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]:
        expected += plain(VOLUME.as_tensor().flip(axes), net).sigmoid().flip(axes) / 8
    torch.testing.assert_close(found.sigmoid().as_tensor(), expected)
    assert torch.equal(found.affine, VOLUME.affine)


def test_flips_make_the_result_symmetric():
    infer, net = sliding_window(8, tta=True), Net()
    flipped = infer(VOLUME.as_tensor().flip((2, 4)), net).flip((2, 4))
    torch.testing.assert_close(flipped, infer(VOLUME.as_tensor(), net), atol=1e-5, rtol=1e-5)


def test_only_the_axes_that_training_flips_are_flipped():
    seen = []

    class Seeing(torch.nn.Module):
        def forward(self, x):
            seen.append(x.clone())
            return x

    volume = VOLUME.as_tensor()[..., :8, :8, :8].clone()
    sliding_window(8, tta=True, flip_axes=[0])(volume, Seeing())
    assert len(seen) == 2
    assert torch.equal(seen[1], seen[0].flip(2))


@pytest.mark.parametrize("axes", [[], [3], [-1]], ids=str)
def test_axes_out_of_range_are_errors(axes):
    with pytest.raises(InputError, match="flip_axes .* is out of range"):
        sliding_window(8, tta=True, flip_axes=axes)


def test_certain_predictions_stay_finite():
    class Certain(torch.nn.Module):
        def forward(self, x):
            return torch.full_like(x, 1e4)

    assert torch.isfinite(sliding_window(8, tta=True)(VOLUME, Certain())).all()


def test_half_precision_comes_back_as_float32():
    class Half(torch.nn.Module):
        def forward(self, x):
            return x.bfloat16()

    assert sliding_window(8)(VOLUME, Half()).dtype is torch.float32


@pytest.mark.parametrize(
    "wrong",
    [{"overlap": 1.0}, {"overlap": -0.1}, {"sw_batch_size": 0}, {"image_size": 0}, {"image_size": [8, 8]}],
    ids=str,
)
def test_values_out_of_range_are_errors(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} .* is out of range"):
        sliding_window(**{"image_size": 8, **wrong})


@pytest.mark.parametrize("pad_value", [0.0, -2.34], ids=str)
def test_a_volume_of_few_slices_is_filled_up_and_cut_back(pad_value):
    seen = []

    def network(window):
        seen.append(window)
        return window[:, :1].clone()  # MONAI weighs what it gets in place

    volume = torch.ones(1, 2, 8, 10, 3)
    found = sliding_window((8, 8, 8), pad_value=pad_value)(volume, network)
    assert found.shape == (1, 1, 8, 10, 3)
    torch.testing.assert_close(found, torch.ones(1, 1, 8, 10, 3))
    assert all(window.shape[2:] == (8, 8, 8) for window in seen)
    assert all(sorted({*window.unique().tolist()}) == pytest.approx([pad_value, 1.0]) for window in seen)
