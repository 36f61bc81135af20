"""The decoder of UNETR, for patches of any power of two on each axis."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.blocks.dynunet_block import UnetOutBlock
from monai.networks.blocks.unetr_block import UnetrBasicBlock, UnetrPrUpBlock, UnetrUpBlock
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.networks.recompute import recompute_res_blocks

LEVELS = 4


def upsample_strides(patch_size: Sequence[int]) -> list[tuple[int, ...]]:
    """Returns the up-sampling factor of each decoder level, finest first: their product is the patch size.

    A short axis (thick slices) is up-sampled at the deep levels only; a patch below 16 leaves the deepest levels at
    factor 1. ``(16, 16, 16)`` gives UNETR's four times 2.

    Raises:
        InputError: if a patch size is no power of two from 1 to 16.
    """
    exponents = [size.bit_length() - 1 for size in patch_size]
    if any(size < 1 or size & (size - 1) or size > 1 << LEVELS for size in patch_size):
        raise InputError(f"patch_size {list(patch_size)}: expected powers of two from 1 to {1 << LEVELS}")
    deepest = max(exponents)
    strides = []
    for level in range(LEVELS):
        first = [deepest - exponent for exponent in exponents]  # the level at which an axis starts to be sampled
        strides.append(tuple(2 if start <= level < deepest else 1 for start in first))
    return strides


class UNETRDecoder(nn.Module):
    """UNETR's convolutional decoder (Hatamizadeh et al. 2021, arXiv 2103.10504, fig. 1), from MONAI's blocks.

    Args:
        in_channels: channels of the image that the full-resolution block sees.
        out_channels: channels of the output, one logit a class or region.
        hidden_size: width of the encoder's features.
        feature_size: width at full resolution; it doubles each level. 16 in UNETR, 64 in the channel-LoRA paper.
        patch_size: the encoder's patch size in voxels, a power of two from 1 to 16 on each axis.
        recompute: recompute activations in the backward pass instead of keeping them, about 0.7 of the bytes
            (:mod:`segpeft.networks.recompute`); same outputs and gradients.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_size: int,
        feature_size: int,
        patch_size: Sequence[int],
        recompute: bool = True,
    ) -> None:
        super().__init__()
        dims, width = len(patch_size), feature_size
        full, half, quarter, eighth = upsample_strides(patch_size)

        def skip(channels: int, first: tuple[int, ...], rest: tuple[tuple[int, ...], ...]) -> _ProjectUp:
            return _ProjectUp(dims, hidden_size, channels, first, rest)

        def up(channels: int, out: int, stride: tuple[int, ...]) -> UnetrUpBlock:
            return UnetrUpBlock(dims, channels, out, 3, stride, "instance", res_block=True)

        self.encoder1 = UnetrBasicBlock(dims, in_channels, width, 3, 1, "instance", res_block=True)
        self.encoder2 = skip(2 * width, eighth, (quarter, half))
        self.encoder3 = skip(4 * width, eighth, (quarter,))
        self.encoder4 = skip(8 * width, eighth, ())
        self.decoder5 = up(hidden_size, 8 * width, eighth)
        self.decoder4 = up(8 * width, 4 * width, quarter)
        self.decoder3 = up(4 * width, 2 * width, half)
        self.decoder2 = up(2 * width, width, full)
        self.out = UnetOutBlock(dims, width, out_channels)
        if recompute:
            recompute_res_blocks(self)

    def forward(self, image: Tensor, features: list[Tensor]) -> Tensor:
        """Decodes.

        Args:
            image: (B, C, H, W, D).
            features: four encoder features (B, hidden, h, w, d), shallowest first.

        Returns:
            Logits (B, K, H, W, D).
        """
        x = self.decoder5(features[3], self.encoder4(features[2]))
        x = self.decoder4(x, self.encoder3(features[1]))
        x = self.decoder3(x, self.encoder2(features[0]))
        x = self.decoder2(x, self.encoder1(image))
        return self.out(x)


class _ProjectUp(UnetrPrUpBlock):
    """MONAI's projecting up-sampling block, with a stride of its own at each level."""

    def __init__(
        self, dims: int, in_channels: int, out_channels: int, first: tuple[int, ...], rest: tuple[tuple[int, ...], ...]
    ) -> None:
        super().__init__(dims, in_channels, out_channels, 0, 3, 1, first, "instance", conv_block=True, res_block=True)
        for stride in rest:
            one = UnetrPrUpBlock(dims, out_channels, out_channels, 1, 3, 1, stride, "instance", True, True)
            self.blocks.append(one.blocks[0])
