"""Grids: where their voxels lie when they are turned and shifted."""

import numpy as np
import pytest

from segpeft.data.phantoms.grid import Grid

TURN, CENTRE = (4.0, -3.0, 5.0), (1.0, -2.0, 3.0)


def test_centres_are_what_the_affine_says() -> None:
    grid = Grid((24, 26, 28), (48.0, 52.0, 84.0), TURN, CENTRE)
    index = np.array([0, 5, 24 * 26 * 28 - 1])
    voxels = np.stack([*np.unravel_index(index, grid.shape), np.ones(3)], axis=-1)
    np.testing.assert_allclose(grid.centres(index), (voxels @ grid.affine.T)[:, :3], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(grid.affine[:3, :3], axis=0), grid.spacing)
    np.testing.assert_allclose(grid.centres(index[[0, 2]]).mean(axis=0), CENTRE, atol=1e-4)


def test_a_turned_grid_samples_inside_its_voxels() -> None:
    straight, turned = Grid((24, 24, 24), (120.0, 48.0, 48.0)), Grid((24, 24, 24), (120.0, 48.0, 48.0), (0, 0, 90.0))
    assert np.ptp(straight.offsets(), axis=0) == pytest.approx([2.5, 0, 0])
    assert np.ptp(turned.offsets(), axis=0) == pytest.approx([0, 2.5, 0], abs=1e-5)


def test_samples_may_lie_along_one_axis_alone() -> None:
    grid = Grid((24, 24, 24), (120.0, 120.0, 120.0))
    assert len(grid.offsets()) == 8
    along = grid.offsets(axes=(2,))
    assert np.ptp(along, axis=0) == pytest.approx([0, 0, 2.5])
    assert along.mean(axis=0) == pytest.approx([0, 0, 0])
