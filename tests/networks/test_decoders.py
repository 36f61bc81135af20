"""The UNETR decoder for patches of any shape."""

import pytest
import torch
from monai.networks.nets import UNETR

from segpeft.errors import InputError
from segpeft.networks.decoders.unetr import UNETRDecoder, upsample_strides


@pytest.mark.parametrize(
    ("patch_size", "strides"),
    [
        ((16, 16, 16), [(2, 2, 2)] * 4),
        ((16, 16, 4), [(2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2)]),
        ((8, 8, 8), [(2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 1, 1)]),
        ((8, 8, 2), [(2, 2, 1), (2, 2, 1), (2, 2, 2), (1, 1, 1)]),
        ((16, 16), [(2, 2)] * 4),
    ],
    ids=str,
)
def test_strides_multiply_to_the_patch(patch_size, strides):
    assert upsample_strides(patch_size) == strides


@pytest.mark.parametrize("patch_size", [(12, 16, 16), (32, 32, 32), (0, 2, 2)], ids=str)
def test_other_patches_are_refused(patch_size):
    with pytest.raises(InputError, match="powers of two"):
        upsample_strides(patch_size)


def test_equals_monai_unetr():
    """With 16^3 patches and one channel it is MONAI's decoder, weight by weight."""
    reference = UNETR(1, 2, (32, 32, 32), 4, hidden_size=12, mlp_dim=24, num_heads=2)
    ours = UNETRDecoder(1, 2, 12, 4, (16, 16, 16))
    ours.load_state_dict({k: v for k, v in reference.state_dict().items() if not k.startswith("vit.")})
    image = torch.randn(1, 1, 32, 32, 32)
    last, hidden = reference.vit(image)
    features = [reference.proj_feat(x) for x in (hidden[3], hidden[6], hidden[9], last)]
    torch.testing.assert_close(ours(image, features), reference(image), atol=1e-5, rtol=1e-5)
