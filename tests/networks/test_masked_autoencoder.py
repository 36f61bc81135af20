"""Masked auto-encoding in 2D and 3D."""

import pytest
import torch
import torch.nn.functional as F

from segpeft.errors import InputError
from segpeft.networks import MaskedAutoEncoder, MaskedReconstructionLoss
from segpeft.networks.masked_autoencoder import from_patches, to_patches

SMALL = {"hidden_size": 12, "mlp_dim": 24, "num_layers": 1, "num_heads": 2}
DECODER = {"decoder_hidden_size": 12, "decoder_mlp_dim": 24, "decoder_num_layers": 1, "decoder_num_heads": 2}
SIZES = [((16, 24, 8), (8, 4, 2)), ((16, 24), (8, 4))]
IDS = ["3d", "2d"]


@pytest.mark.parametrize(("image_size", "patch_size"), SIZES, ids=IDS)
def test_patches_round_trip_in_the_order_of_the_tokens(image_size, patch_size):
    net = MaskedAutoEncoder(image_size, patch_size, **SMALL, **DECODER)
    image = torch.randn(2, 1, *image_size)
    patches = to_patches(image, patch_size)
    assert torch.equal(from_patches(patches, patch_size, image_size), image)
    conv = net.patch_embedding.patch_embeddings
    tokens = F.linear(patches, conv.weight.flatten(1), conv.bias)
    torch.testing.assert_close(tokens, conv(image).flatten(2).transpose(1, 2), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("image_size", "patch_size"), SIZES, ids=IDS)
def test_every_trainable_tensor_gets_a_gradient(image_size, patch_size):
    net = MaskedAutoEncoder(image_size, patch_size, **SMALL, **DECODER)
    image = torch.randn(2, 1, *image_size)
    MaskedReconstructionLoss(patch_size)(net(image), image).backward()
    assert [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None] == []


def test_loss_counts_hidden_patches_only():
    image = torch.randn(1, 1, 8, 8)
    truth = to_patches(image, (4, 4))
    mask = torch.tensor([[1, 0, 0, 0]])
    wrong_where_visible = truth + torch.tensor([0.0, 5.0, 5.0, 5.0])[None, :, None]
    loss = MaskedReconstructionLoss((4, 4), normalise=False)
    assert loss((wrong_where_visible, mask), image) == 0
    assert loss((truth + 2, mask), image) == pytest.approx(4.0)
    absolute = MaskedReconstructionLoss((4, 4), normalise=False, distance="l1")
    assert absolute((truth - 3, mask), image) == pytest.approx(3.0)


def test_an_unknown_distance():
    with pytest.raises(InputError, match="distance is 'l3'; expected one of l1, l2"):
        MaskedReconstructionLoss((4, 4), distance="l3")


def test_three_quarters_are_hidden():
    net = MaskedAutoEncoder((16, 16, 16), (4, 4, 4), **SMALL, **DECODER)
    _, mask = net(torch.randn(3, 1, 16, 16, 16))
    assert mask.sum(1).tolist() == [48, 48, 48]


def test_a_few_steps_lower_the_loss():
    torch.manual_seed(0)
    net = MaskedAutoEncoder((16, 16), (4, 4), **SMALL, **DECODER)
    ramp = torch.linspace(-1, 1, 16)
    image = (ramp[:, None] * torch.ones(16)).expand(8, 1, 16, 16)
    loss, optimizer = MaskedReconstructionLoss((4, 4)), torch.optim.AdamW(net.parameters(), 1e-2)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(net(image), image)
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.5 * values[0]


def test_masking_ratio_out_of_range():
    with pytest.raises(InputError, match=r"masking_ratio 1\.0"):
        MaskedAutoEncoder((16, 16), (4, 4), **SMALL, **DECODER, masking_ratio=1.0)
