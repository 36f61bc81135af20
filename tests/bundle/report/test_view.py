import numpy as np
import pytest
import torch

from segpeft.bundle.report.case_volumes import CaseVolumes
from segpeft.bundle.report.view import LARGEST, view_of, window_of


def volumes(truth_at=None, pred_at=None, shape=(20, 16, 12), spacing=(1.0, 1.0, 1.0)) -> CaseVolumes:
    """A case with truth and prediction of 4 x 4 voxels in one slice each."""
    masks = []
    for at in (truth_at, pred_at):
        mask = torch.zeros(1, *shape, dtype=torch.bool)
        if at is not None:
            mask[0, 8:12, 6:10, at] = True
        masks.append(mask)
    image = torch.arange(float(np.prod(shape))).reshape(shape)
    return CaseVolumes(image, masks[0], {"it": masks[1]}, spacing, ["organ"])


@pytest.mark.parametrize(
    ("truth_at", "pred_at", "index"),
    [
        pytest.param(3, 9, 3, id="truth-first"),
        pytest.param(None, 9, 9, id="no-truth"),
        pytest.param(None, None, 6, id="nothing"),
    ],
)
def test_which_slice(truth_at, pred_at, index):
    view = view_of(volumes(truth_at, pred_at))
    assert (view.index, view.count) == (index, 12)
    assert bool(view.truth[0]) == (truth_at is not None)


def test_size_is_in_mm():
    view = view_of(volumes(3, 3, spacing=(0.5, 1.0, 1.0)))
    assert view.grey.shape == (16, 20)
    assert view.size == (10.0, 16.0)


def test_thick_slices_are_shown_as_they_were_scanned():
    view = view_of(volumes(3, 3, spacing=(1.0, 4.0, 1.0)))
    assert view.plane.name == "coronal"
    assert view.grey.shape == (12, 20)
    assert view.index in range(6, 10)


def test_a_large_slice_is_thinned():
    view = view_of(volumes(1, 1, shape=(2 * LARGEST + 2, 16, 2)))
    assert max(view.grey.shape) <= LARGEST
    assert view.size == (2 * LARGEST + 2, 16)


def test_a_line_instead_of_a_prediction_is_kept():
    case = volumes(3)
    view = view_of(CaseVolumes(case.image, case.truth, {"it": "no file"}, case.spacing, case.regions))
    assert view.predictions == {"it": "no file"}


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        pytest.param((40, 60), (40, 60), (32, 32, 36), id="in-the-middle"),
        pytest.param((0, 20), (0, 20), (0, 0, 36), id="moved-inside"),
        pytest.param((0, 100), (0, 10), (0, 0, 100), id="never-larger-than-the-slice"),
        pytest.param((50, 51), (50, 51), (38.5, 38.5, 24), id="never-too-small"),
        pytest.param((0, 0), (0, 0), (0, 0, 100), id="nothing-drawn"),
    ],
)
def test_window(rows, columns, expected):
    drawn = np.zeros((100, 100), bool)
    drawn[slice(*rows), slice(*columns)] = True
    assert window_of(drawn, (1.0, 1.0)) == pytest.approx(expected)


def test_window_of_a_narrow_slice_lies_in_its_middle():
    drawn = np.zeros((100, 10), bool)
    drawn[10:90] = True
    assert window_of(drawn, (1.0, 1.0)) == pytest.approx((-45, 0, 100))
