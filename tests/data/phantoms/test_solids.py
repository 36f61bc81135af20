"""Signed distances of solids."""

import numpy as np

from segpeft.data.phantoms.solids import Tube, ellipsoid


def test_ellipsoid_and_tube_distances() -> None:
    points = np.array([[10, 0, 0], [0, 24, 0], [0, 0, 5]], dtype=np.float32)
    assert np.allclose(ellipsoid(points, (0, 0, 0), (10, 20, 8))[[0, 1]], [0, 4], atol=0.5)
    line = np.array([[0, 0, -20], [0, 0, 0], [0, 0, 20]], dtype=np.float32)
    distance = Tube(line, np.full(3, 3, dtype=np.float32)).distance(points, reach=12)
    assert np.allclose(distance[[0, 2]], [7, -3], atol=0.1)
    assert np.isinf(distance[1])
