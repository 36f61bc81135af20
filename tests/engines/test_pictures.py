import numpy as np
import torch

from segpeft.engines import side_by_side
from segpeft.engines.pictures import COLOURS, fullest_slice

TRUTH = torch.zeros(2, 6, 5, 4)
TRUTH[0, 1:4, 1:4, 2] = 1
TRUTH[1, 2, 2, 2] = 1
IMAGE = torch.linspace(-5, 5, 6).reshape(1, 6, 1, 1).expand(2, 6, 5, 4)


def test_three_panels_at_the_fullest_slice():
    picture = side_by_side(IMAGE, TRUTH, torch.zeros_like(TRUTH))
    assert picture.shape == (5, 18, 3)
    assert picture.dtype == np.uint8
    grey, truth, pred = np.split(picture, 3, axis=1)
    assert np.array_equal(grey, pred)
    assert (grey != truth).any(-1).sum() == 9
    assert grey[0, 0, 0] < grey[0, 5, 0]  # the first axis runs to the right


def test_inner_regions_are_painted_over_outer_ones():
    truth = np.split(side_by_side(IMAGE * 0, TRUTH, TRUTH), 3, axis=1)[1]
    centre, edge = truth[2, 2].astype(int), truth[2, 1].astype(int)  # the second axis runs upwards
    assert np.argmax(centre - edge) == np.argmax(np.subtract(COLOURS[1], COLOURS[0]))


def test_the_slice_falls_back_to_prediction_then_middle():
    empty = torch.zeros(1, 3, 3, 7)
    found = empty.clone()
    found[..., 6] = 1
    assert fullest_slice(found > 0, empty > 0) == 6
    assert fullest_slice(empty > 0, found > 0) == 6
    assert fullest_slice(empty > 0, empty > 0) == 3


def test_a_constant_image_is_no_problem():
    assert side_by_side(torch.zeros(1, 4, 4, 4), TRUTH[:, :4, :4], TRUTH[:, :4, :4]).any()
