import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from segpeft.data.body import in_body

BODY = (slice(20, 76), slice(30, 66), slice(0, 20))


def scan(air: float = -1000.0) -> torch.Tensor:
    """A body with lungs in it, 3 mm above a table of thin shells around foam, in voxels of 1.5 x 1.5 x 3 mm."""
    volume = torch.full((1, 96, 90, 20), air)
    volume[0][BODY] = 40.0
    volume[0, 30:60, 36:60] = -850.0
    volume[0, 10:86, 26:28] = -180.0
    volume[0, 10:86, 10:26] = -920.0
    volume[0, 10:86, 8:10] = -180.0
    return volume


def box(mask: torch.Tensor) -> list[tuple[int, int]]:
    return [(int(found.min()), int(found.max()) + 1) for found in mask[0].nonzero(as_tuple=True)]


@pytest.mark.parametrize("air", [-1000.0, -1024.0, -3024.0], ids=str)
def test_table_and_air_go(air):
    found = box(in_body(MetaTensor(scan(air), affine=np.diag([1.5, 1.5, 3, 1]))))
    for (begin, end), true in zip(found, BODY, strict=True):
        assert true.start - 6 <= begin <= true.start, "two cells of 3 voxels"
        assert true.stop <= end <= true.stop + 6


def test_a_rod_in_the_table_is_no_body():
    volume = scan()
    volume[0, 40, 16] = 3071.0
    assert torch.equal(in_body(MetaTensor(volume)), in_body(MetaTensor(scan())))


@pytest.mark.parametrize("value", [40.0, -1000.0], ids=["all body", "all air"])
def test_what_has_no_border_stays_whole(value):
    assert in_body(torch.full((1, 7, 9, 3), value)).all()


def test_a_volume_of_one_slice():
    assert in_body(torch.full((1, 20, 20, 1), 40.0)).shape == (1, 20, 20, 1)
