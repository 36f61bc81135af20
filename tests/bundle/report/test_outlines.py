import re

import numpy as np

from segpeft.bundle.report.outlines import outline


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path)]


def area(path: str) -> float:
    corners = points(path)
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def test_a_rectangle_but_for_its_corners():
    mask = np.zeros((10, 12), bool)
    mask[2:8, 3:7] = True  # 6 rows, 4 columns
    found = np.array(points(outline(mask, (1.0, 1.0))))
    assert found.min(0).tolist() == [3, 2]
    assert found.max(0).tolist() == [7, 8]
    assert area(outline(mask, (1.0, 1.0))) == 24 - 4 / 8


def test_pixels_that_are_not_square():
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    found = np.array(points(outline(mask, (0.5, 3.0))))
    assert found.min(0).tolist() == [0.5, 3]
    assert found.max(0).tolist() == [1.5, 9]


def test_a_mask_at_the_edge_is_closed():
    assert area(outline(np.ones((3, 3), bool), (1.0, 1.0))) == 9 - 4 / 8


def test_two_parts_are_two_lines():
    mask = np.zeros((5, 9), bool)
    mask[2, [1, 6]] = True
    path = outline(mask, (1.0, 1.0))
    assert path.count("M") == path.count("Z") == 2


def test_nothing_has_no_outline():
    assert outline(np.zeros((3, 3), bool), (1.0, 1.0)) == ""
