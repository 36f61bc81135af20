"""Slab by slab, a volume comes back as MONAI brings it back at once."""

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Spacing

from segpeft.data.slab_resampling import inverse_in_slabs

TURN = torch.tensor([[0.0, -1.5, 0.1, 7.0], [1.2, 0.0, 0.0, -3.0], [0.0, 0.1, -2.0, 5.0], [0.0, 0.0, 0.0, 1.0]])


def there(mode: str, affine: torch.Tensor) -> tuple[Spacing, MetaTensor]:
    """A transform and what it makes of a volume."""
    volume = MetaTensor(torch.rand(2, 13, 11, 9, generator=torch.Generator().manual_seed(0)), affine=affine)
    spacing = Spacing((2.3, 1.1, 1.7), mode=mode)
    return spacing, spacing(volume)


@pytest.mark.parametrize("affine", [torch.diag(torch.tensor([1.0, 1.5, 3.0, 1.0])), TURN], ids=["upright", "oblique"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("slab_voxels", [1, 250, 1000])
def test_nothing_changes(slab_voxels, mode, affine):
    spacing, volume = there(mode, affine)
    expected = spacing.inverse(volume.clone())
    found = inverse_in_slabs(spacing.sp_resample, volume, slab_voxels)
    assert found.shape == expected.shape == (2, 13, 11, 9)
    torch.testing.assert_close(found.as_tensor(), expected.as_tensor(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.affine, expected.affine)
    assert found.applied_operations == expected.applied_operations == []
    assert found.dtype == expected.dtype
