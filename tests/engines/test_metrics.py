import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import binary_erosion, distance_transform_edt

from segpeft.engines.metrics import missing_distance, region_dice, region_hd95, voxel_spacing
from segpeft.errors import InputError


def ball(centre, radius, shape=(20, 22, 18)):
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    return torch.from_numpy(((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0) <= radius**2)[None]


def hd95_by_hand(p, t, spacing):
    """On the whole volume, without MONAI."""
    p, t = p[0].numpy(), t[0].numpy()
    edge_p, edge_t = p ^ binary_erosion(p), t ^ binary_erosion(t)
    to_t, to_p = distance_transform_edt(~edge_t, spacing), distance_transform_edt(~edge_p, spacing)
    return max(np.percentile(to_t[edge_p], 95), np.percentile(to_p[edge_t], 95))


EMPTY = torch.zeros(1, 20, 22, 18, dtype=torch.bool)
BALL = ball((8, 9, 7), 4)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.7, 1.3, 4.0)], ids=["isotropic", "anisotropic"])
def test_hd95_in_mm(spacing):
    other = ball((11, 9, 9), 5)
    assert region_hd95(other, BALL, spacing)[0] == pytest.approx(hd95_by_hand(other, BALL, spacing), rel=1e-5)


def test_hd95_of_a_shift_is_the_shift():
    cube, moved = EMPTY.clone(), EMPTY.clone()
    cube[0, 5:8, 5:8, 5:8], moved[0, 9:12, 5:8, 5:8] = True, True
    assert region_hd95(moved, cube, (2.5, 1, 1))[0] == pytest.approx(10.0)


def test_hd95_ignores_the_worst_twentieth():
    speck = BALL.clone()
    speck[0, 19, 21, 17] = True
    assert region_hd95(speck, BALL)[0] == 0.0


def test_dice_by_hand():
    other = ball((10, 9, 7), 4)
    expected = 2 * int((other & BALL).sum()) / (int(other.sum()) + int(BALL.sum()))
    assert region_dice(other, BALL) == [pytest.approx(expected)]
    assert 0.2 < expected < 0.9


@pytest.mark.parametrize(
    ("pred", "truth", "dice", "hd95"),
    [
        (EMPTY, EMPTY, 1.0, 0.0),
        (EMPTY, BALL, 0.0, 373.13),
        (BALL, EMPTY, 0.0, 373.13),
        (BALL, BALL, 1.0, 0.0),
    ],
    ids=["both empty", "missed", "false positive", "perfect"],
)
def test_the_policy_for_empty_regions(pred, truth, dice, hd95):
    assert region_dice(pred, truth) == [dice]
    assert region_hd95(pred, truth) == [hd95]


def test_regions_are_measured_apart():
    pred, truth = torch.cat([BALL, EMPTY]), torch.cat([BALL, BALL])
    assert region_dice(pred, truth) == [1.0, 0.0]
    assert region_hd95(pred, truth) == [0.0, 373.13]


@pytest.mark.parametrize(("given", "expected"), [(100, 100.0), ("diagonal", (40**2 + 22**2 + 54**2) ** 0.5)])
def test_distance_of_a_missed_region(given, expected):
    assert region_hd95(EMPTY, BALL, (2, 1, 3), given)[0] == pytest.approx(expected)


@pytest.mark.parametrize("given", [-1, "far"])
def test_an_unknown_distance_is_an_error(given):
    with pytest.raises(InputError, match="hd95_missing"):
        missing_distance(given, (1,), (1,))


def test_brats_distance_is_the_diagonal_of_its_volumes():
    assert missing_distance("diagonal", (240, 240, 155), (1, 1, 1)) == pytest.approx(373.13, abs=2e-3)


def test_spacing_of_oblique_and_permuted_grids():
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, -0.5, 0], [-2.0, 0, 0], [0, 0, 3.0]])
    volume = MetaTensor(torch.zeros(1, 4, 4, 4), affine=affine)
    assert voxel_spacing(volume) == pytest.approx((2.0, 0.5, 3.0))
    assert voxel_spacing(torch.zeros(1, 4, 4, 4)) == (1.0, 1.0, 1.0)
