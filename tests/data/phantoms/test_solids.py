"""Signed distances of solids."""

import numpy as np

from segpeft.data.phantoms.solids import Tube, ball, capsule, ellipsoid, in_box


def test_ellipsoid_and_tube_distances() -> None:
    points = np.array([[10, 0, 0], [0, 24, 0], [0, 0, 5]], dtype=np.float32)
    assert np.allclose(ellipsoid(points, (0, 0, 0), (10, 20, 8))[[0, 1]], [0, 4], atol=0.5)
    line = np.array([[0, 0, -20], [0, 0, 0], [0, 0, 20]], dtype=np.float32)
    distance = Tube(line, np.full(3, 3, dtype=np.float32)).distance(points, reach=12)
    assert np.allclose(distance[[0, 2]], [7, -3], atol=0.1)
    assert np.isinf(distance[1])


def test_ball_and_capsule_find_every_point_inside() -> None:
    points = np.random.default_rng(0).uniform(-12, 12, size=(4000, 3)).astype(np.float32)
    near, distance = ball(points, np.array([1.0, 2.0, 3.0]), 5.0)
    truth = np.linalg.norm(points - [1, 2, 3], axis=1) - 5
    np.testing.assert_allclose(distance, truth[near], atol=1e-5)
    assert set(np.flatnonzero(truth < 0)) <= set(near)
    near, distance = capsule(points, (0, 0, -6), (0, 0, 6), 3.0)
    above = np.maximum(np.abs(points[:, 2]) - 6, 0)
    truth = np.sqrt(points[:, 0] ** 2 + points[:, 1] ** 2 + above**2) - 3
    np.testing.assert_allclose(distance, truth[near], atol=1e-5)
    assert set(np.flatnonzero(truth < 0)) <= set(near)


def test_a_box_holds_what_lies_between_its_corners() -> None:
    points = np.array([[0, 0, 0], [2, 0, 0], [0, -2, 0], [0.5, 0.5, 0.9]], dtype=np.float32)
    assert in_box(points, (-1, -1, -1), (1, 1, 1)).tolist() == [0, 3]
