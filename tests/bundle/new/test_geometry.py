import numpy as np
import pytest

from segpeft.bundle.new.geometry import choose_spacing, coarse_axis, resampled_size, whole, window
from tests.bundle.new.summaries import summary


def test_isotropic_voxels_are_kept():
    assert choose_spacing(summary(spacing=[[1, 1, 1]] * 3)).value == [1, 1, 1]


def test_the_median_of_different_voxels():
    assert choose_spacing(summary(spacing=[[0.5, 0.5, 1], [1, 1, 1], [2, 2, 1]])).value == [1, 1, 1]


def test_a_coarse_axis_keeps_what_most_cases_have():
    """The median would be 5 mm and make up slices of most cases; 3.4 is the 10th percentile."""
    thick = [[0.5, 0.5, z] for z in (3, 4, 5, 6, 7)]
    found = choose_spacing(summary(spacing=thick, size=[[300, 300, 20]] * 5)).value
    assert found == [0.5, 0.5, pytest.approx(3.4)]


@pytest.mark.parametrize(
    ("spacing", "size", "axis"),
    [
        ([0.6, 0.6, 3.6], [320, 320, 20], 2),
        ([3.6, 0.6, 0.6], [20, 320, 320], 0),
        ([0.8, 0.8, 2.0], [512, 512, 100], None),
        ([0.6, 0.6, 3.6], [60, 60, 40], None),
        ([1, 1, 1], [35, 50, 36], None),
    ],
    ids=["thick slices", "sagittal", "less than three times", "as many slices", "isotropic"],
)
def test_the_coarse_axis(spacing, size, axis):
    assert coarse_axis(np.array(spacing, dtype=float), np.array(size, dtype=float)) == axis


def test_sizes_count_in_the_new_voxels():
    seen = summary(spacing=[[2, 1, 1]], size=[[10, 20, 30]])
    assert resampled_size(seen, [1, 1, 2]).tolist() == [20, 20, 15]


@pytest.mark.parametrize(
    ("size", "multiple", "voxels", "sides"),
    [
        ([35, 50, 36], (8, 8, 8), 120_000, [40, 56, 40]),
        ([32, 32, 32], (16, 16, 16), 1e9, [32, 32, 32]),
        ([200, 100, 50], (16, 16, 16), 300_000, [64, 64, 64]),
        ([300, 300, 20], (16, 16, 4), 100_000, [64, 64, 20]),
        ([100, 100, 100], (16, 16, 16), 1, [32, 16, 16]),
    ],
    ids=["holds the median", "exact multiples", "cut to a cube", "flat stays flat", "at least two patches"],
)
def test_the_window(size, multiple, voxels, sides):
    found = window(np.array(size, dtype=float), [1, 1, 1], multiple, voxels)
    assert found == sides
    assert np.prod(found) <= voxels or np.prod(found) == 2 * np.prod(multiple)


def test_a_window_is_compared_in_mm():
    """Of 160 x 160 x 40 voxels of 1 x 1 x 4 mm all sides are equally long: each is cut in turn."""
    assert window(np.array([160.0, 160, 40]), [1, 1, 4], (16, 16, 4), 200_000) == [80, 96, 24]


def test_whether_a_window_is_whole():
    assert whole([40, 56, 40], np.array([35.0, 50, 36]))
    assert not whole([40, 56, 32], np.array([35.0, 50, 36]))
